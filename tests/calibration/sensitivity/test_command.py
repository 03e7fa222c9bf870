"""``sgmn sensitivity`` from the command line, with real INT8."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from calibration.plans import read_plan, write_plan
from calibration.sensitivity.command import sensitivity
from export.precision.maker import make_bundle
from export.precision.plan import Calibration, PrecisionPlan, SubmodulePlan
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import open_bundle
from runtime.errors import StorageError
from runtime.lock import FileLock
from tests.docs_json import keys
from tests.export.conftest import Exported

ROOT = Path(__file__).parents[3]


def _words(exported: Exported, out: Path, *more: str) -> list[str]:
    places = {
        "--clips": exported.root / "dev" / "clips_val.jsonl",
        "--root": exported.root,
        "--catalog": exported.feed,
        "--pictures": exported.root / "dev" / "images" / "train",
        "--out": out,
    }
    named = [str(word) for pair in places.items() for word in pair]
    return [str(exported.bundle), *named, "--judged", "1", "--rounds", "0", *more]


@pytest.fixture(scope="module")
def out(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of the tiny network."""
    folder = tmp_path_factory.mktemp("study")
    ran = CliRunner().invoke(sensitivity, _words(exported, folder), catch_exceptions=False)
    assert ran.exit_code == 0
    assert "Search for a mixed plan" in ran.output
    return folder


def test_the_plan_found_can_be_made(exported: Exported, out: Path, tmp_path: Path) -> None:
    plan = read_plan(out / "mixed.toml")
    assert plan.name == "mixed"
    assert plan.of("frame_encoder").precision == "int8"
    made = make_bundle(exported.bundle, plan, exported.samples, tmp_path / "made")
    assert made.precision == "mixed-cpu"
    assert open_bundle(tmp_path / "made").manifest.submodules["frame_encoder"].precision == "int8"


def test_every_block_is_in_the_file(out: Path) -> None:
    found = json.loads((out / "sensitivity.json").read_text())
    names = {(one["submodule"], one["block"]) for one in found["sensitivities"]}
    blocks = {("frame_encoder", "trunk"), ("frame_encoder", "head")}
    assert names == {(submodule, None) for submodule in SUBMODULES} | blocks
    cosines = [one["alone"]["query_cosine"]["mean"] for one in found["sensitivities"]]
    assert cosines == sorted(cosines)
    assert cosines[0] < 1
    assert found["search"]["steps"][0]["move"] == "start"


def test_a_second_run_measures_nothing(exported: Exported, out: Path) -> None:
    before = _kept(out)
    ran = CliRunner().invoke(sensitivity, [*_words(exported, out), "--json"])
    assert json.loads(ran.stdout)["search"]["plan"]["name"] == "mixed"
    assert _kept(out) == before


def test_no_search_writes_no_plan(exported: Exported, tmp_path: Path) -> None:
    words = _words(exported, tmp_path / "out", "--no-search")
    ran = CliRunner().invoke(sensitivity, [*words, "--json"], catch_exceptions=False)
    found = json.loads(ran.stdout)
    assert set(found) == keys("sensitivity")
    assert found["search"] is None
    assert not (tmp_path / "out" / "mixed.toml").exists()


def test_two_do_not_work_in_one_folder(exported: Exported, tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert lock.acquire()
    with pytest.raises(StorageError, match="another process"):
        CliRunner().invoke(sensitivity, _words(exported, tmp_path), catch_exceptions=False)
    lock.release()


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    exported: Exported, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StorageError, match="cannot write into"):
        CliRunner().invoke(
            sensitivity, _words(exported, tmp_path / "taken" / "out"), catch_exceptions=False
        )


def test_killed_it_goes_on(exported: Exported, out: Path, tmp_path: Path) -> None:
    """Killed once it remembers something; the next run ends as one that was never killed."""
    script = (
        "import sys, time\n"
        "from calibration.measurement.store import Store\n"
        "from calibration.sensitivity.command import sensitivity\n"
        "put, kept = Store._put, []\n"
        "def slow(*words):\n"
        "    put(*words); kept.append(1)\n"
        "    if len(kept) == 4: print('waiting', flush=True); time.sleep(60)\n"
        "Store._put = slow\n"
        "sensitivity(sys.argv[1:])\n"
    )
    words = _words(exported, tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", script, *words],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        child.send_signal(signal.SIGKILL)
    before = _kept(tmp_path)
    assert len(before) == 4
    CliRunner().invoke(sensitivity, words, catch_exceptions=False)
    assert before.items() <= _kept(tmp_path).items()
    assert (tmp_path / "mixed.toml").read_bytes() == (out / "mixed.toml").read_bytes()
    assert _kept(tmp_path).keys() == _kept(out).keys()


def _kept(out: Path) -> dict[str, tuple[bytes, int]]:
    files = (out / "measurements").iterdir()
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def test_a_plan_comes_back_from_toml(tmp_path: Path) -> None:
    plan = PrecisionPlan(
        'a "plan"',
        "tensorrt",
        {
            "frame_encoder": SubmodulePlan("int8", ("blocks.0", "stem"), "fp16"),
            "query_head": SubmodulePlan("fp16", held_precision="fp16"),
        },
        Calibration("entropy", 512, 3),
        reduce_range=False,
    )
    write_plan(tmp_path / "plan.toml", plan)
    assert read_plan(tmp_path / "plan.toml").as_dict() == plan.as_dict()
