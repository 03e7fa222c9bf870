"""What an exam is named by, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from calibration.measurement.exam import Exam
from models.evaluation.gallery import Stock
from models.evaluation.prediction import Question
from runtime.errors import ClipListError
from tests.models.made_up_shop import make_grocery


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_grocery(tmp_path)


def _exam(root: Path, *, enrol: bool = False) -> Exam:
    dev = root / "dev"
    stock = Stock(dev / "catalog.csv", enrol=dev / "splits.csv" if enrol else None)
    return Exam(dev / "clips_val.jsonl", root, stock, (Question("L0"), Question("L3")))


def _touch(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\n")


CHANGES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a photo of a clip": ("clips", lambda dev: _touch(dev / "images/val/pear_0.png")),
    "a line of the clips": ("clips", lambda dev: _touch(dev / "clips_val.jsonl")),
    "a row of the catalog": ("catalog", lambda dev: _touch(dev / "catalog.csv")),
    "a shop image": ("catalog", lambda dev: _touch(dev / "catalog/pear.png")),
    "an enrolled photo": ("enrolled", lambda dev: _touch(dev / "images/train/pear_0.png")),
    "the list of photos": ("enrolled", lambda dev: _touch(dev / "splits.csv")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_byte_that_answers_depend_on_is_part_of_its_name(root: Path, change: str) -> None:
    name, make = CHANGES[change]
    before = _exam(root, enrol=True).digests
    assert _exam(root, enrol=True).digests == before
    make(root / "dev")
    after = _exam(root, enrol=True).digests
    assert name in {key for key in before if before[key] != after[key]}


def test_photos_and_questions_are_part_of_its_name(root: Path) -> None:
    exam = _exam(root, enrol=True)
    assert "enrolled" not in _exam(root).digests
    fewer = replace(exam, questions=exam.questions[:1])
    assert fewer.digests["questions"] != exam.digests["questions"]


def test_a_search_asks_every_question_without_photos(root: Path) -> None:
    exam = _exam(root, enrol=True)
    assert [stock.enrol is not None for stock in exam.stocks()] == [False, True]
    assert exam.without_photos.questions == exam.questions
    assert exam.without_photos.stocks() == _exam(root).stocks()
    assert (
        exam.answers == 2 * exam.without_photos.answers == 2 * len(exam.clips) * len(exam.questions)
    )


def test_clips_without_labels_are_refused(root: Path) -> None:
    clips = root / "dev" / "clips_val.jsonl"
    lines = [json.loads(line) for line in clips.read_text().splitlines()]
    del lines[1]["product_id"]
    clips.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(ClipListError, match="cannot be measured with"):
        assert _exam(root).clips
