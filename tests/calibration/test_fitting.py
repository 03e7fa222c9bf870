"""Calibrating a whole bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from calibration.commands import calibrate
from calibration.fitting import Fitted, calibrate_bundle
from runtime.bundle.reader import open_bundle
from runtime.errors import BundleError, ClipListError, StorageError
from runtime.network import Network
from tests.export.conftest import Exported
from tests.models.made_up_bank import quiet


def _clips(exported: Exported) -> Path:
    return exported.root / "dev" / "clips_val.jsonl"


def _calibrated(exported: Exported, out: Path, clips: Path | None = None) -> Fitted:
    manifest = clips or _clips(exported)
    return calibrate_bundle(exported.bundle, manifest, exported.root, exported.feed, out, quiet)


def test_only_the_decision_differs_from_the_bundle(exported: Exported, tmp_path: Path) -> None:
    out = tmp_path / "fitted"
    fitted = _calibrated(exported, out)
    before, after = exported.manifest, open_bundle(out).manifest
    assert after.decision == fitted.decision != before.decision
    assert after.files == before.files
    assert after.submodules == before.submodules
    notes = after.provenance["confidence"]
    assert notes["clips"] == "clips_val.jsonl"
    assert notes["calibration_error"]["after"] == fitted.error_after
    assert after.provenance["training"] == before.provenance["training"]
    with Network.open(out) as network:
        assert network.bundle.manifest.decision == fitted.decision
    assert [p.name for p in tmp_path.iterdir()] == ["fitted"]


def test_the_command_tells_the_errors(exported: Exported, tmp_path: Path) -> None:
    arguments = [str(exported.bundle), "--clips", str(_clips(exported))]
    arguments += ["--root", str(exported.root), "--catalog", str(exported.feed)]
    arguments += ["--out", str(tmp_path / "fitted"), "--json"]
    answer = CliRunner().invoke(calibrate, arguments, catch_exceptions=False)
    said = json.loads(answer.stdout)
    assert set(said) == {"bundle", "decision", "calibration_error"}
    assert 0 <= said["calibration_error"]["after"] <= 1


def test_an_existing_folder_is_refused_before_the_long_run(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibration.fitting.evaluate", None)  # calling it would fail otherwise
    with pytest.raises(StorageError, match="exists already"):
        _calibrated(exported, tmp_path)


def _changed(exported: Exported, tmp_path: Path, key: str, value: object) -> Path:
    line = json.loads(_clips(exported).read_text(encoding="utf-8").splitlines()[0])
    clips = tmp_path / "clips.jsonl"
    clips.write_text(json.dumps({**line, key: value}) + "\n", encoding="utf-8")
    return clips


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("product_id", None, "cannot be calibrated with"),
        ("product_id", "papaya", "papaya"),
        ("tiers", {"L0": [{"src": "dev/catalog/pear.png", "crop": [0, 0, 1]}]}, "usable"),
        ("tiers", {}, "no tier L0"),
    ],
)
def test_clips_that_cannot_be_used_leave_nothing(
    exported: Exported, tmp_path: Path, key: str, value: object, said: str
) -> None:
    out = tmp_path / "out" / "fitted"
    with pytest.raises(ClipListError, match=said):
        _calibrated(exported, out, _changed(exported, tmp_path, key, value))
    assert list(out.parent.iterdir()) == []


def test_a_bundle_that_is_not_there_is_refused(exported: Exported, tmp_path: Path) -> None:
    arguments = (_clips(exported), exported.root, exported.feed, tmp_path / "out", quiet)
    with pytest.raises(BundleError):
        calibrate_bundle(tmp_path / "none", *arguments)
    assert list(tmp_path.iterdir()) == []
