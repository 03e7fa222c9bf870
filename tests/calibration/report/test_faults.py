"""Disks that are full or cannot be written: a report is as it was, or new in all its files."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from calibration.report.command import report as command
from calibration.report.pictures import NoPictures
from calibration.report.write import write_report
from runtime.errors import ClipListError, StorageError, UsageError
from tests.calibration.made_up_report import report
from tests.calibration.report.asking import words
from tests.disks import read_only, small_disk
from tests.export.conftest import Exported


def _files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("kilobytes", [8, 60, 120])
def test_on_a_full_disk_no_report_is_half_written(
    tmp_path: Path, kilobytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "disk", kilobytes, monkeypatch) as disk:
        with pytest.raises(OSError) as caught:
            write_report(disk / "out", report(), NoPictures())
        assert caught.value.errno == errno.ENOSPC
        assert list((disk / "out").iterdir()) == []


def test_on_a_full_disk_the_earlier_report_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "disk", 400, monkeypatch) as disk:
        write_report(disk, report(), NoPictures())
        before = _files(disk)
        (disk / "filler").write_bytes(bytes(100_000))
        with pytest.raises(OSError):
            write_report(disk, replace(report(), shipped="int8"), NoPictures())
        after = _files(disk)
        del after["filler"]
        assert after == before


def test_a_plan_that_cannot_be_made_is_refused_before_anything_is_measured(
    exported: Exported, tmp_path: Path
) -> None:
    plan, out = tmp_path / "plan.toml", tmp_path / "out"
    held = '[submodules.frame_encoder]\nprecision = "int8"\nheld = ["blocks.99"]\n'
    plan.write_text(f'name = "odd"\ntarget = "cpu"\n{held}', encoding="utf-8")
    ran = CliRunner().invoke(command, words(exported, out, "--plan", str(plan)))
    assert isinstance(ran.exception, UsageError)
    assert "blocks.99" in ran.exception.what
    assert not out.exists()


def test_clips_of_another_catalog_are_refused_before_anything_is_measured(
    exported: Exported, tmp_path: Path
) -> None:
    clips, out = tmp_path / "clips.jsonl", tmp_path / "out"
    known = exported.root / "dev" / "clips_val.jsonl"
    clips.write_text(
        known.read_text(encoding="utf-8").replace('"product_id": "pear"', '"product_id": "strange"')
    )
    ran = CliRunner().invoke(command, words(exported, out, "--clips", str(clips)))
    assert isinstance(ran.exception, ClipListError)
    assert "1 clips show a product that is not in the catalog" in ran.exception.why
    assert not (out / "measurements").exists()


@pytest.mark.parametrize("points", ["nan", "-1", "101"])
def test_a_budget_that_is_none_is_refused(exported: Exported, tmp_path: Path, points: str) -> None:
    ran = CliRunner().invoke(command, words(exported, tmp_path / "out", "--budget", points))
    assert ran.exit_code == 2
    assert "is not in the range" in ran.output
    assert not (tmp_path / "out").exists()


def test_a_new_report_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    write_report(tmp_path, report(), NoPictures())
    before = _files(tmp_path)
    write_report(tmp_path, replace(report(), shipped="int8"), NoPictures())
    after = _files(tmp_path)
    assert after.keys() == before.keys()
    assert after["index.html"] != before["index.html"]


def test_figures_of_an_earlier_report_that_are_no_longer_shown_are_gone(tmp_path: Path) -> None:
    write_report(tmp_path, report(), NoPictures())
    (tmp_path / "measurements").mkdir()
    (tmp_path / "own.csv").write_text("mine")
    write_report(tmp_path, replace(report(), comparisons=(), search=()), NoPictures())
    names = {file.name for file in tmp_path.iterdir()}
    assert not {"calibration.svg", "calibration.csv", "search.csv"} & names
    assert {"own.csv", "measurements", "sensitivity.csv"} <= names


def test_the_command_tells_of_a_folder_that_cannot_be_written(
    exported: Exported, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with read_only(folder), pytest.raises(StorageError, match="cannot write"):
        CliRunner().invoke(command, words(exported, folder), catch_exceptions=False)
    assert list(folder.iterdir()) == []
