"""Calibrating a whole bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from calibration.commands import calibrate
from calibration.confidence import fit_decision
from calibration.fitting import CONDITIONS, Fitted, calibrate_bundle
from models.data.grocery_lpr import read_clips
from models.evaluation.confidence import ranked
from models.evaluation.evaluate import evaluate
from models.evaluation.gallery import Stock
from models.evaluation.prediction import Question
from runtime.bundle.reader import open_bundle
from runtime.errors import BundleError, ClipListError, StorageError
from runtime.network import Network
from tests.docs_json import keys
from tests.export.conftest import Exported
from tests.models.made_up_bank import quiet


def _clips(exported: Exported) -> Path:
    return exported.root / "dev" / "clips_val.jsonl"


def _calibrated(
    exported: Exported, out: Path, clips: Path | None = None, stock: Stock | None = None
) -> Fitted:
    manifest, stock = clips or _clips(exported), stock or Stock(exported.feed)
    return calibrate_bundle(exported.bundle, manifest, exported.root, stock, out, quiet)


def _photos(exported: Exported) -> Path:
    return exported.root / "dev" / "splits.csv"


def _distractors(exported: Exported, folder: Path) -> Path:
    """One more product that looks like the pear."""
    folder.mkdir()
    picture = exported.root / "dev" / "catalog" / "pear.png"
    (folder / "quince.png").write_bytes(picture.read_bytes())
    feed = folder / "more.csv"
    feed.write_text(
        "id,title,description,image_link\nquince,Quince,Hard,quince.png\n", encoding="utf-8"
    )
    return feed


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


def test_the_rule_is_fitted_to_answers_without_and_with_photos(
    exported: Exported, tmp_path: Path
) -> None:
    stock = Stock(exported.feed, enrol=_photos(exported))
    fitted = _calibrated(exported, tmp_path / "fitted", stock=stock)
    questions = [Question(tier, modality) for tier, modality in CONDITIONS]
    cases = []
    for state in (Stock(exported.feed), stock):
        clips = read_clips(_clips(exported), exported.root)
        asked = evaluate(clips, exported.root, state, questions, exported.bundle, quiet)
        cases += [ranked(p, one.shortlist) for one in asked for p in one.predictions]
    assert fitted.decision == fit_decision(cases, exported.manifest.decision)
    alone = _calibrated(exported, tmp_path / "alone")
    assert fitted.decision != alone.decision
    assert set(fitted.after_by_state) == {"not_enrolled", "enrolled"}
    assert alone.after_by_state == {"not_enrolled": alone.error_after}


def test_the_manifest_keeps_the_accuracy_of_both_catalogs(
    exported: Exported, tmp_path: Path
) -> None:
    more = _distractors(exported, tmp_path / "more")
    stock = Stock(exported.feed, more, _photos(exported))
    _calibrated(exported, tmp_path / "fitted", stock=stock)
    kept = open_bundle(tmp_path / "fitted").manifest.accuracy
    told = [(one["tier"], one["modality"], one["gallery"], one["enrolled"]) for one in kept]
    assert told == [(*c, 5, state) for state in (False, True) for c in CONDITIONS]


def test_the_command_tells_the_errors(exported: Exported, tmp_path: Path) -> None:
    arguments = [str(exported.bundle), "--clips", str(_clips(exported))]
    arguments += ["--root", str(exported.root), "--catalog", str(exported.feed)]
    arguments += ["--distractors", str(_distractors(exported, tmp_path / "more"))]
    arguments += ["--enrol", str(_photos(exported))]
    arguments += ["--out", str(tmp_path / "fitted"), "--json"]
    answer = CliRunner().invoke(calibrate, arguments, catch_exceptions=False)
    said = json.loads(answer.stdout)
    assert set(said) == keys("calibrate")
    assert 0 <= said["calibration_error"]["after"] <= 1
    kept = open_bundle(tmp_path / "fitted").manifest.accuracy
    assert {(one["gallery"], one["enrolled"]) for one in kept} == {(5, False), (5, True)}


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
    stock = Stock(exported.feed)
    arguments = (_clips(exported), exported.root, stock, tmp_path / "out", quiet)
    with pytest.raises(BundleError):
        calibrate_bundle(tmp_path / "none", *arguments)
    assert list(tmp_path.iterdir()) == []
