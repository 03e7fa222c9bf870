"""``cmake --build build --target bundle`` with the real CMake, compiler and commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from models.sgmn import save_checkpoint
from runtime.bundle.reader import open_bundle
from tests.conftest import REPOSITORY
from tests.models.made_up_shop import make_grocery
from tests.models.tiny_network import stirred_network

pytestmark = pytest.mark.skipif(
    not (shutil.which("cmake") and shutil.which("c++")), reason="no CMake, or no C++ compiler"
)


@dataclass(frozen=True)
class Workshop:
    """A build folder and what the bundle in it is made of."""

    folder: Path
    generator: str

    @property
    def shop(self) -> Path:
        return self.folder / "a shop" / "dev"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    @property
    def bundle(self) -> Path:
        return self.folder / "build" / "bundle" / "bundle"

    def configure(self, **variables: object) -> str:
        given = [f"-DSGMN_{name}={value}" for name, value in variables.items()]
        usual = ["-DSGMN_BUILD_CUDA=OFF", f"-DPython3_EXECUTABLE={sys.executable}"]
        build = ["-S", REPOSITORY, "-B", self.folder / "build", "-G", self.generator]
        return _run("cmake", *build, *usual, *given).stdout

    def build(self) -> subprocess.CompletedProcess[str]:
        return _run("cmake", "--build", self.folder / "build", "--target", "bundle", check=False)

    def made(self) -> list[str]:
        """Builds, and says which parts were made."""
        done = self.build()
        assert done.returncode == 0, done.stdout + done.stderr
        return [line[: -len(": made")] for line in done.stdout.splitlines() if ": made" in line]


def _run(*command: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [str(word) for word in command],
        check=check,
        capture_output=True,
        text=True,
        env=environment,
        cwd="/",
    )


def _generators() -> list[str]:
    found = {"Unix Makefiles": "make", "Ninja": "ninja"}
    return [name for name, program in found.items() if shutil.which(program)]


@pytest.fixture(params=_generators())
def workshop(request: pytest.FixtureRequest, tmp_path: Path) -> Workshop:
    workshop = Workshop(tmp_path, request.param)
    make_grocery(workshop.shop.parent)
    save_checkpoint(workshop.checkpoint, stirred_network(), {"seed": 7})
    return workshop


def test_without_a_checkpoint_it_says_what_to_set(workshop: Workshop) -> None:
    workshop.configure()
    said = workshop.build()
    assert said.returncode != 0
    assert "SGMN_CHECKPOINT is not set" in said.stdout
    assert "-DSGMN_CHECKPOINT=" in said.stdout
    workshop.configure(CHECKPOINT=workshop.folder / "gone")
    assert "there is no" in workshop.build().stdout
    workshop.configure(CHECKPOINT=workshop.checkpoint, CLIPS=workshop.shop / "clips_val.jsonl")
    assert "SGMN_ROOT" in workshop.build().stdout


@pytest.mark.slow
def test_each_part_is_made_again_only_if_it_would_be_another(workshop: Workshop) -> None:
    shop = workshop.shop
    feed, picture = shop / "catalog.csv", shop / "catalog" / "plum.png"
    said = workshop.configure(CHECKPOINT=workshop.checkpoint, FEED=feed, PICTURES=shop / "images")
    assert "SGMN_CLIPS is not set" in said
    assert workshop.made() == ["fp32", "plan", "bundle"]
    first = open_bundle(workshop.bundle)
    assert (first.manifest.preset, first.manifest.precision) != ("tiny", "fp32")
    # Nothing has changed.
    assert workshop.made() == []
    assert "nothing it is made of" not in workshop.build().stdout, "not even looked at"
    # Another time, the same content.
    feed.touch()
    assert workshop.made() == []
    assert open_bundle(workshop.bundle).digest == first.digest
    # A picture that no rule names, only the feed.
    shutil.copyfile(shop / "catalog" / "pear.png", picture)
    assert workshop.made() == ["plan", "bundle"]
    changed = open_bundle(workshop.bundle)
    assert changed.digest != first.digest
    # What breaks leaves what was there.
    whole = workshop.checkpoint.read_bytes()
    workshop.checkpoint.write_bytes(whole[:-9])
    broken = workshop.build()
    assert broken.returncode != 0
    assert "cannot read the checkpoint" in broken.stdout + broken.stderr
    assert open_bundle(workshop.bundle).digest == changed.digest
    workshop.checkpoint.write_bytes(whole)
    assert workshop.made()[0] == "fp32"
    assert open_bundle(workshop.bundle).digest == changed.digest


@pytest.mark.slow
@pytest.mark.parametrize("workshop", _generators()[:1], indirect=True)
@pytest.mark.parametrize("target", ["cpu", "tensorrt"])
def test_with_clips_the_confidence_is_fitted_and_the_plan_judged(
    workshop: Workshop, target: str
) -> None:
    shop = workshop.shop
    clips, splits = shop / "clips_val.jsonl", shop / "splits.csv"
    workshop.configure(
        CHECKPOINT=workshop.checkpoint,
        FEED=shop / "catalog.csv",
        CLIPS=clips,
        ROOT=shop.parent,
        ENROL=splits,
        TARGET=target,
        BUDGET=100,
        REPORT_OPTIONS="--quick;--items;40",
    )
    assert workshop.made() == ["fp32", "plan", "candidate", "report", "bundle"]
    told = json.loads((workshop.bundle.parent / "report" / "report.json").read_text())
    judged = {one["plan"]["name"]: one for one in told["measurements"]}[told["shipped"]]
    assert judged["plan"]["target"] == target
    assert (judged["latency"] is None) == (target == "tensorrt")
    assert (workshop.bundle.parent / "report" / "passed").is_file()
    plain = workshop.bundle.parent / "plan"
    assert open_bundle(workshop.bundle).manifest.decision != open_bundle(plain).manifest.decision
    assert workshop.made() == []
    photo = next((shop / "images" / "val").iterdir())
    photo.write_bytes(next((shop / "images" / "train").iterdir()).read_bytes())
    assert workshop.made()[:1] == ["candidate"]
