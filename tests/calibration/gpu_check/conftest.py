"""Prepared networks of preset ``tiny``, and a lab whose GPU is made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from calibration.gpu_check.job import Job
from calibration.gpu_check.prepare import prepare
from tests.calibration.gpu_check.fake_lab import FakeGpu, make_up_driver
from tests.export.conftest import Exported


@pytest.fixture(scope="session")
def material(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gpu_check") / "material"
    prepare(out, ["tiny"], {"tiny": exported.bundle}, Path("unused"), lambda line: None)
    return out


@pytest.fixture
def job(material: Path, tmp_path: Path) -> Job:
    return Job(
        material=material,
        work=tmp_path / "work",
        presets=("tiny",),
        items=40,
        steps=200,
        rounds=3,
        sizes=(100, 1_000),
        workspace_mib=16,
    )


@pytest.fixture
def fake_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    make_up_driver(monkeypatch.setattr)


class Kept:
    """A `Tell` that keeps what it is told, if that is JSON."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def __call__(self, **found: object) -> None:
        self.found.update(json.loads(json.dumps(found)))


@pytest.fixture
def tell() -> Kept:
    return Kept()


@pytest.fixture
def gpu(fake_driver: None) -> FakeGpu:
    return FakeGpu()


@pytest.fixture
def build(job: Job, gpu: FakeGpu) -> Callable[..., None]:
    """Builds engines of ``tiny``, in INT8 unless others are named."""
    from calibration.gpu_check.building import build as section

    def make(*precisions: str) -> None:
        for precision in precisions or ("int8",):
            section(gpu.lab(job), Kept(), "tiny", precision)

    return make
