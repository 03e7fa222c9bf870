"""The real thing, where a GPU, TensorRT and a CUDA binding are there."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from calibration.gpu_check.building import build
from calibration.gpu_check.job import Job
from calibration.gpu_check.lab import Lab
from calibration.gpu_check.parity import step_parity
from calibration.gpu_check.runner import Runner
from calibration.gpu_check.section import Section, sections
from runtime.engines.cuda import ask_driver
from runtime.errors import GpuError
from tests.calibration.gpu_check.conftest import Kept

pytestmark = [pytest.mark.gpu, pytest.mark.slow]


@pytest.fixture(autouse=True)
def _gpu() -> None:
    try:
        ask_driver()
    except GpuError as error:
        pytest.skip(f"no GPU: {error.why}")
    if find_spec("tensorrt") is None:
        pytest.skip("TensorRT is not installed")


@pytest.fixture
def lab(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    # Engines are kept from test to test.
    work = tmp_path_factory.getbasetemp() / "gpu_check_work"
    return Lab(Job(material=material, work=work, presets=("tiny",), items=500, steps=2_000))


@pytest.mark.parametrize("precision", ["int8", "fp16", "fp32"])
def test_every_submodule_is_true_to_onnx_runtime(lab: Lab, precision: str) -> None:
    told = Kept()
    build(lab, told, "tiny", precision)
    for engine in told.found["engines"]:
        assert engine["parity"], "compared on at least one input"
        assert engine["precision_found"].get(engine["precision_asked"], 0) > 0


@pytest.mark.parametrize("precision", ["int8", "fp16", "fp32"])
def test_a_step_on_the_gpu_is_a_step_on_the_processor(lab: Lab, precision: str) -> None:
    told = Kept()
    build(lab, told, "tiny", precision)
    step_parity(lab, told, "tiny", precision)
    assert told.found["from_processor"]["shared"] >= 0.5


def _wanted(section: Section) -> bool:
    return section.name.startswith(("build/tiny-int8", "fallbacks", "search", "memory"))


def test_fallbacks_search_and_memory(lab: Lab) -> None:
    wanted = [section for section in sections(lab.job) if _wanted(section)]
    for outcome in Runner(lab.job).run(wanted):
        assert outcome.status in ("passed", "skipped"), f"{outcome.name}: {outcome.why}"
