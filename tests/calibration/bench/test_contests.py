"""Who takes part in a contest, with real bundles and torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from calibration.bench import kiosk, shelf, submodules, torch_forms
from calibration.bench.kiosk import kiosks
from calibration.bench.material import Material
from calibration.bench.paired import Rounds, measure
from calibration.bench.run import Bench, Settings, Sources
from calibration.bench.stock import made_up_catalog
from calibration.bench.submodules import submodule
from calibration.bench.torch_forms import Forward
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import verify
from runtime.catalog.progress import no_progress
from runtime.catalog.sqlite_catalog import SqliteCatalog
from tests.export.conftest import Exported


@pytest.fixture(scope="module")
def stock(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteCatalog]:
    folder = tmp_path_factory.mktemp("stock") / "catalog"
    with made_up_catalog(folder, verify(material.fp32), 40) as catalog:
        yield catalog


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from torch._inductor import config

    torch._dynamo.reset()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(config.cpp, "cxx", (None, str(tmp_path / "c++")))


def test_every_form_of_the_network_steps_and_takes_a_clip(
    material: Material, stock: SqliteCatalog
) -> None:
    with kiosks(material, stock, threads=1, seed=0, compiled=False) as found:
        series = measure(found.alternatives, Rounds(2, warmup=1))
    named = {name for _, slow, fast in kiosk.RATIOS for name in (slow, fast)}
    assert set(series) == {name for name in named if "compile" not in name}
    assert len(series["int8_step"].rounds[0]) == kiosk.QUICK
    assert found.stages.keys() == {"int8", "fp32"}
    # The words are read before: no step reads them.
    assert "words" not in {stage for spent in found.stages.values() for stage in spent}
    assert len(found.stages["int8"]["frame_encoder"]) == 3 * kiosk.QUICK
    assert found.refused == {}


def test_each_form_runs_its_own_bundle(material: Material, stock: SqliteCatalog) -> None:
    with kiosks(material, stock, threads=1, seed=0, compiled=False) as found:
        answers = {one.name: one.run(0) for one in found.alternatives if "clip" in one.name}
    scores = {
        name: tuple(candidate.score for candidate in answers[name].candidates)
        for name in ("int8_clip", "fp32_clip")
    }
    assert scores["int8_clip"] != scores["fp32_clip"]
    torch_says = answers["torch_eager_clip"].confidences
    runtime_says = [candidate.confidence for candidate in answers["fp32_clip"].candidates]
    assert torch_says == pytest.approx(runtime_says, rel=1e-3)


@pytest.mark.slow
def test_compiled_forms_take_part_and_give_the_same(
    material: Material, stock: SqliteCatalog
) -> None:
    with kiosks(material, stock, threads=1, seed=0, compiled=True) as found:
        run = {one.name: one.run for one in found.alternatives}
        for work in ("clip", "step", "frames"):
            compiled, eager = (run[f"torch_{form}_{work}"](0) for form in ("compile", "eager"))
            assert compiled.rows == eager.rows
            assert compiled.confidences == pytest.approx(eager.confidences, rel=1e-3)
    assert found.refused == {}
    assert found.compile_s > 0


def test_what_one_contest_compiled_leaves_the_next_its_turn(
    quantised: Path, exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch refuses to compile a function too often; a clip and a step alone are twice."""
    from torch._dynamo import config

    def traced(module: Forward) -> Forward:
        return torch.compile(module, dynamic=False, fullgraph=True, backend="eager")

    monkeypatch.setattr(torch_forms, "compiled_whole", traced)
    sources = Sources(quantised, exported.bundle, exported.checkpoint, tmp_path)
    settings = Settings(parts=("kiosk",), threads=(1, 2), items=40, rounds=1, compiled=True)
    with config.patch(recompile_limit=2):
        found = Bench(sources, settings, no_progress).run()
    assert found.skipped == {}
    assert "step_int8_vs_torch_compile_2_threads" in found.ratios


@pytest.mark.parametrize("name", SUBMODULES)
def test_every_submodule_runs_alone(material: Material, name: str) -> None:
    with submodule(material, name, threads=1, seed=0, compiled=False) as found:
        answers = {one.name: one.run(0) for one in found.alternatives}
    assert list(answers) == ["int8", "fp32", "torch_eager"]
    for mine, theirs in zip(answers["fp32"].values(), _tuple(answers["torch_eager"]), strict=True):
        assert mine == pytest.approx(theirs.numpy(), abs=1e-3)
    assert {rival for rival in submodules.RIVALS if "compile" not in rival} < answers.keys()


def _tuple(answer: object) -> tuple:
    return answer if isinstance(answer, tuple) else (answer,)


def test_the_shelf_needs_memory() -> None:
    assert shelf.lacking_memory(shelf.MEMORY_BYTES) == ""
    assert "1.5 GB are free" in shelf.lacking_memory(1_500_000_000)
    assert shelf.lacking_memory() == "" or "free" in shelf.lacking_memory()


def test_names_of_ratios_tell_the_shelf_and_what_was_scaled() -> None:
    assert shelf.ratio_names(603, scaled=False) == [
        ("b32_query_vs_release_603", "release_query", "fp32_step"),
        ("b32_clip_query_vs_release_603", "release_query", "fp32_clip"),
    ]
    assert shelf.ratio_names(7, scaled=True)[0][0] == "b32_query_vs_release_7_scaled"


# Last: torch remembers for the rest of the process that there is no compiler.
@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_the_rest_is_measured(material: Material, stock: SqliteCatalog) -> None:
    with kiosks(material, stock, threads=1, seed=0, compiled=True) as found:
        names = {one.name for one in found.alternatives}
    assert "C++ compiler" in found.refused["torch_compile"]
    assert found.compile_s is None
    assert not {name for name in names if "compile" in name}
    with submodule(material, "reranker", threads=1, seed=0, compiled=True) as parts:
        assert [one.name for one in parts.alternatives] == ["int8", "fp32", "torch_eager"]
    assert "C++ compiler" in parts.refused["torch_compile"]
