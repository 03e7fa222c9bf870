"""``sgmn bench`` from end to end on small networks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from calibration.bench import shelf
from calibration.bench.command import bench
from runtime.bundle.manifest import SUBMODULES
from runtime.errors import DependencyError, UsageError
from tests.docs_json import keys
from tests.export.conftest import Exported
from tests.models.small_clip import shrink_b32

QUICK = ("--quick", "--rounds", "2", "--items", "40", "--shelf", "6", "--threads", "1")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink_b32(monkeypatch)


@pytest.fixture(scope="module")
def given(
    quantised: Path, exported: Exported, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """Options that name networks and a cache that all tests share."""
    return [
        *("--bundle", str(quantised), "--fp32", str(exported.bundle)),
        *("--checkpoint", str(exported.checkpoint)),
        *("--cache", str(tmp_path_factory.mktemp("cache"))),
    ]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(bench, [*QUICK, *arguments], catch_exceptions=False)


def test_stdout_is_one_json_object_with_the_ratios(given: list[str], tmp_path: Path) -> None:
    found = run(*given, "--json", "--out", str(tmp_path))
    assert found.exit_code == 0
    printed = json.loads(found.stdout)
    assert set(printed) == keys("bench") - {"gpu"}
    wanted = {"step_int8_vs_torch_eager_clip", "step_int8_vs_fp32", "b32_query_vs_release_6"}
    wanted |= {f"{name}_int8_vs_fp32" for name in SUBMODULES}
    assert wanted <= printed["ratios"].keys()
    for one in printed["ratios"].values():
        assert one.keys() == {"median", "low", "high"}
        assert 0 < one["low"] <= one["high"]
    assert printed["extrapolated_from"]["b32_query_vs_release_6"] == {
        "shelf": 6,
        "images": 8,
        "pairs": 16,
        "times": {
            "release_clip": 1.0,
            "release_chunk": 1.0,
            "release_images": 0.75,
            "release_pairs": 0.375,
        },
    }
    assert printed["settings"]["threads"] == [1]
    assert printed["machine"]["cpu"]
    assert printed["versions"]["torch"]
    assert printed["network"]["bundles"]["quantised"]["precision"] == "int8-cpu"
    [written] = tmp_path.glob("bench-*.json")
    raw = json.loads(written.read_text(encoding="utf-8"))
    assert raw["ratios"] == printed["ratios"]
    assert len(raw["contests"][0]["alternatives"]["int8_step"]["rounds_ms"]) == 2


def test_a_file_gets_the_name_it_is_given(given: list[str], tmp_path: Path) -> None:
    place = tmp_path / "mine.json"
    assert run(*given, "--only", "kiosk", "--out", str(place)).exit_code == 0
    assert json.loads(place.read_text(encoding="utf-8"))["goals"]


def test_people_get_a_table_and_sentences(given: list[str]) -> None:
    found = run(*given, "--only", "submodules")
    assert "Latency" in found.stdout
    assert "text_encoder_int8_vs_fp32: " in found.stdout
    assert "the checkpoint" in found.stdout
    assert "release" not in found.stdout


def test_a_machine_without_memory_measures_the_rest(
    given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "memory_bytes", lambda: (8_000_000_000, 1_000_000_000))
    printed = json.loads(run(*given, "--json", "--only", "shelf", "--only", "kiosk").stdout)
    assert "1.0 GB are free" in printed["skipped"]["shelf"]
    assert "step_int8_vs_fp32" in printed["ratios"]
    assert not [name for name in printed["ratios"] if "release" in name]


def test_in_full_the_release_is_timed_whole(given: list[str]) -> None:
    arguments = [*given, *QUICK[1:], "--only", "shelf", "--no-compile", "--json"]
    found = CliRunner().invoke(bench, arguments, catch_exceptions=False)
    printed = json.loads(found.stdout)
    names = ("b32_query_vs_release_6", "b32_clip_query_vs_release_6")
    assert printed["ratios"].keys() == {*names, *(f"{name}_scaled" for name in names)}
    assert printed["extrapolated_from"].keys() == {f"{name}_scaled" for name in names}
    whole = printed["contests"][-1]["alternatives"]["release_query"]
    assert whole["samples"] == shelf.WHOLE_ROUNDS


def test_a_wrong_twin_is_refused_before_anything_is_measured(
    quantised: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="not an FP32 bundle"):
        run("--bundle", str(quantised), "--fp32", str(quantised), "--cache", str(tmp_path))


def test_a_place_that_cannot_be_written_is_told_at_once(given: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--out"):
        run(*given, "--out", str(tmp_path / "nowhere" / "mine.json"))


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.requirements.PACKAGES", ("no_such_package",))
    with pytest.raises(DependencyError, match="no_such_package"):
        run()
