"""The page and the files beside it, of a report with made-up numbers."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from calibration.records.json import from_json
from calibration.records.measurement import Cosine, RankChange
from calibration.records.recommendation import Recommendation
from calibration.records.report import Report
from calibration.report.pictures import NoPictures
from calibration.report.write import write_report
from models.data.clip import Tier
from tests.calibration.made_up_report import accuracy, measurement, near, report
from tests.calibration.report.reading import Reader, read

EVIL = "<script>alert('x')</script> & \"more\""


def _written(folder: Path, made: Report, command: str = "") -> Reader:
    write_report(folder, made, NoPictures(), command)
    return read(folder / "index.html")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("report")
    write_report(made, report(), NoPictures(), "sgmn report runs/fp32 --out report")
    return made


@pytest.fixture(scope="module")
def page(folder: Path) -> Reader:
    return read(folder / "index.html")


def test_the_top_third_is_plain(page: Reader) -> None:
    top = page.text.partition("For engineers")[0]
    assert "Keep what ships: mixed" in top
    assert (
        "Of 100 answers, 80 name the product shown at full precision and 80 do with mixed." in top
    )
    assert "44 clips are too few to prove that the loss stays within 0.5 of 100 answers" in top
    assert "usually takes 25.0 ms, 1.6 times as fast as at full precision." in top
    assert "95 of 100 steps take less than 30.0 ms." in top
    assert "For 4 of 100 answers the screen says something else" in top
    assert "What ships now, mixed, stays within the budget of 0.5 of 100 answers." in top
    assert "Next:" not in top
    assert "--quick" not in top
    assert not {"R@1", "cosine", "ECE", "MRR", "p95"} & set(re.findall(r"[\w@]+", top))


def test_every_figure_of_a_plan_is_there(page: Reader) -> None:
    text = page.text
    for told in (
        "80.0 70.0 to 90.0",  # R@1
        "−4.5 −9.5 to +0.5",  # change of int8
        "0.9940 least 0.9800",  # likeness
        "20.0 19.9 to 20.1",  # p50
        "0.62 0.60 to 0.65",  # times FP32
        "180.0",  # memory
        "frame_encoder.cls 0.9950 0.9700",
        "0.080 0.050",  # calibration error
    ):
        assert told in text, told
    assert "Energy is not shown" in text


def test_the_plans_are_marked(page: Reader) -> None:
    assert page.text.count("mixed recommended ships now") == 4, "in each table with plans in rows"
    assert "int8 75.0 70.0" not in page.text
    assert "missed" in page.text.partition("Time, memory, size")[0]


def test_blocks_search_and_calibrations_are_told(page: Reader) -> None:
    text = page.text
    assert "INT8 rejected for block0: slower." in text
    assert "frame_encoder/block0 0.9900 least 0.9500 −2.0 −3.0 to −1.0" in text
    assert "−1.50 −1.51 to −1.49" in text, "held, a step is faster: INT8 costs what that saves"
    assert "1. start" in text
    assert "2. hold frame_encoder/block0 0.9900 0.0 −1.0 to +1.0 yes Within the budget." in text
    assert "minmax 64 0.9900 0.9500 0.0" in text
    assert "entropy 512 0.9800 0.9000 –" in text


def test_a_product_that_fell_is_told(page: Reader) -> None:
    assert "From place 1 to 7 · clip clip-3 · L0 fused" in page.text
    assert "shown Pear pear now first Apple apple" in page.text


def test_complaints_are_answered_with_own_figures(page: Reader) -> None:
    answers = page.text.partition("What people complain of")[2]
    assert "frame_encoder, int8: 100 % of FP32." in answers
    assert "these plans are refused for it: int8." in answers
    assert "This plan: minmax, 256 pictures, seed 0." in answers
    assert "from 0.9800 to 0.9900" in answers
    assert "Every plan measured here is faster than FP32 beyond doubt." in answers
    for issue in ("#1454", "#1179", "#1411", "#3137", "#167", "#1262"):
        assert issue in answers


def test_what_is_slower_than_fp32_is_named(tmp_path: Path) -> None:
    slow = measurement("int8", 44.0)
    made = report()
    text = _written(tmp_path, replace(made, measurements=(*made.measurements[::2], slow))).text
    assert "int8 is not surely faster than FP32: 44.0 ms, 1.10 times the time." in text


def test_hardware_seeds_digests_and_the_command_are_there(page: Reader) -> None:
    about = page.text.partition("About these figures")[2]
    assert "cpu made up" in about
    assert "seed, bootstrap 20260101" in about
    assert "cd" * 32 in about
    assert "load while measuring 0.1 to 0.1" in about
    assert "sgmn report runs/fp32 --out report" in about


def test_all_figures_are_linked_to(folder: Path, page: Reader) -> None:
    beside = sorted(file.name for file in folder.iterdir() if file.name != "index.html")
    assert page.links == ["report.json", "#about", *beside]


def test_nothing_is_loaded_and_nothing_runs(folder: Path, page: Reader) -> None:
    assert page.addresses == []
    assert page.handlers == []
    assert not {"script", "link", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    source = (folder / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"https?:", source) == []
    assert re.findall(r"url\((?!#)|@import", source) == []
    assert "default-src &#39;none&#39;" in source


def test_names_of_others_are_text(tmp_path: Path) -> None:
    made = report()
    fallen = RankChange(EVIL, EVIL, EVIL, EVIL, 1, 2, EVIL, EVIL, ())
    plan = replace(made.measurements[2].plan, name="mixed<b>")
    evil = replace(
        made.measurements[2],
        plan=plan,
        agreement=replace(made.measurements[2].agreement, rank_changes=(fallen,)),
        cosine={EVIL: Cosine(0.9, 0.8)},
    )
    page = _written(
        tmp_path,
        replace(
            made,
            measurements=(*made.measurements[:2], evil),
            recommendation=Recommendation(plan, 0.005, False, (EVIL,)),
            shipped=None,
            machine={EVIL: EVIL},
            digests={EVIL: EVIL},
        ),
        EVIL,
    )
    assert page.text.count(EVIL) >= 10
    assert "script" not in page.tags
    assert page.handlers == []
    for drawn in tmp_path.glob("*.svg"):
        assert "<b>" not in drawn.read_text(encoding="utf-8")


def test_the_csv_has_every_digit(folder: Path) -> None:
    rows = {row["plan"]: row for row in _rows(folder / "plans.csv")}
    assert list(rows) == ["fp32", "int8", "mixed"]
    int8 = rows["int8"]
    assert (int8["r1"], int8["r1_change"], int8["r1_change_low"]) == ("0.75", "-0.045", "-0.095")
    assert (int8["p50_ms"], int8["time_ratio"], int8["bytes"]) == ("20.0", "0.5", "27000000")
    assert float(int8["steps_per_second"]) == pytest.approx(50, rel=0.01)
    assert (int8["within_budget"], rows["mixed"]["within_budget"]) == ("False", "True")
    assert (int8["recommended"], rows["mixed"]["recommended"]) == ("False", "True")
    assert int8["frame_encoder"] == "int8, 1 block fp32"
    assert int8["energy_j"] == ""
    questions = _rows(folder / "questions.csv")
    assert [(q["plan"], q["question"]) for q in questions][-1] == ("mixed", "L0 fused, enrolled")
    tried = [(r["block"], r["tried"]) for r in _rows(folder / "sensitivity.csv")]
    assert tried == [("block0", "alone"), ("block0", "held"), ("", "alone")]
    assert [r["accepted"] for r in _rows(folder / "search.csv")] == ["True", "True"]
    assert [r["pictures"] for r in _rows(folder / "calibration.csv")] == ["64", "512"]
    assert _rows(folder / "rank-changes.csv")[0]["rank_plan"] == "7"


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_the_record_comes_back(folder: Path) -> None:
    fields = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert from_json(Report, fields) == report()


def test_the_same_report_is_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_report(tmp_path, report(), NoPictures(), "sgmn report runs/fp32 --out report")
    again = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert again == {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_plan_that_misses_its_budget_is_marked(tmp_path: Path) -> None:
    page = _written(tmp_path, replace(report(), shipped="int8"))
    assert "Ship mixed" in page.text
    assert "What ships now, int8, misses the budget" in page.text
    assert 'class="verdict missed"' in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_what_is_to_be_done_is_told(tmp_path: Path) -> None:
    made = report()
    text = _written(tmp_path, replace(made, shipped="int8")).text
    assert "Next: make its bundle (sgmn quantize --plan recommended.toml)" in text
    back = replace(made.recommendation, plan=made.reference.plan)
    text = _written(tmp_path, replace(made, recommendation=back, shipped="int8")).text
    assert "Go back to full precision: fp32" in text
    assert "Next:" not in text


def test_a_quick_look_is_called_one(tmp_path: Path) -> None:
    top = _written(tmp_path, replace(report(), quick=True)).text.partition("For engineers")[0]
    assert "Measured with --quick: for a look, not for a decision." in top


def test_no_change_at_all_is_told_without_an_interval(tmp_path: Path) -> None:
    made = report()
    shown = replace(made, recommendation=replace(made.recommendation, proven=True))
    assert "80 do with mixed. It is as many for every product." in _written(tmp_path, shown).text


def test_fp32_alone_is_a_report(tmp_path: Path) -> None:
    fp32 = measurement(
        "fp32", 40.0, agreement=replace(measurement("x", 1).agreement, rank_changes=())
    )
    made = Report((fp32,), Recommendation(fp32.plan, 0.005, True, ("There is no other.",)), clips=4)
    page = _written(tmp_path, made)
    assert "Stay with full precision: fp32" in page.text
    assert "There is no plan but FP32." in page.text
    assert "What ships now was not measured." in page.text
    assert sorted(file.name for file in tmp_path.glob("*.svg")) == [
        "pareto-p50.svg",
        "pareto-p95.svg",
    ]


def test_without_times_nothing_is_said_of_them(tmp_path: Path) -> None:
    made = report()
    untimed = tuple(replace(one, latency=None) for one in made.measurements)
    page = _written(tmp_path, replace(made, measurements=untimed, shipped=None))
    assert "How long a step takes was not measured" in page.text
    assert "times as fast" not in page.text
    assert "Time mixed on the device" in page.text
    assert "and build its engines there (sgmn build)" in page.text
    assert "Not timed" in page.text
    assert not list(tmp_path.glob("pareto-*.svg"))


def test_energy_is_shown_where_it_was_measured(tmp_path: Path) -> None:
    made = report()
    measured = (made.measurements[0], replace(made.measurements[1], energy_j=0.0425))
    chosen = Recommendation(measured[0].plan, 0.005, True, ())
    text = _written(tmp_path, Report(measured, chosen)).text
    assert "42.5" in text
    assert "Energy is not shown" not in text


class _Colours:
    """Pictures whose address tells what they are."""

    def frames(self, clip_id: str, tier: Tier | None) -> tuple[str, ...]:
        return (f"data:{clip_id},{tier}",)

    def product(self, product_id: str) -> str:
        return f"data:{product_id}"


def test_the_clip_and_both_products_are_shown(tmp_path: Path) -> None:
    write_report(tmp_path, report(), _Colours())
    page = read(tmp_path / "index.html")
    assert page.addresses == ["data:clip-3,L0", "data:pear", "data:apple"]


def test_a_question_keeps_its_name(tmp_path: Path) -> None:
    made = report()
    asked = (
        accuracy(),
        accuracy(0.5, tier=None, modality="text"),
        accuracy(0.9, near(0), enrolled=True),
    )
    first = replace(made.measurements[0], accuracy=asked)
    text = _written(tmp_path, replace(made, measurements=(first, *made.measurements[1:]))).text
    assert "speech alone text 50.0" in text
    assert "pictures and speech (clear view), photos added L0 fused, enrolled 90.0" in text
