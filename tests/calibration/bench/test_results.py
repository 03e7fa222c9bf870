"""What stands in the results, by value."""

from __future__ import annotations

import json

from calibration.bench.naming import file_name, hardware
from calibration.bench.page import sentences
from calibration.bench.paired import Series
from calibration.bench.results import TAIL, Contest, Results
from runtime.machine import Cpu


def series(name: str, *rounds: tuple[float, ...]) -> Series:
    return Series(name, rounds)


KIOSK = Contest(
    "kiosk",
    1,
    {
        "int8_step": series("int8_step", (10.0, 10.0), (10.0, 30.0)),
        "fp32_step": series("fp32_step", (13.0,), (13.0,)),
        "torch_eager_clip": series("torch_eager_clip", (200.0,), (200.0,)),
    },
    (0.1, 0.2),
    {"int8": {"search": [1.0, 2.0, 9.0]}},
)
PAIRS = [
    ("step_int8_vs_torch_eager_clip", "torch_eager_clip", "int8_step"),
    ("step_int8_vs_fp32", "fp32_step", "int8_step"),
    ("step_int8_vs_torch_compile", "torch_compile_step", "int8_step"),
]


def results() -> Results:
    found = Results({"seconds": 1.0}, [KIOSK])
    found.ratios = KIOSK.ratios(PAIRS, seed=0)
    return found


def test_ratios_are_of_those_that_took_part() -> None:
    ratios = KIOSK.ratios(PAIRS, seed=0)
    assert {name: one.median for name, one in ratios.items()} == {
        "step_int8_vs_torch_eager_clip": 20.0,
        "step_int8_vs_fp32": 1.3,
    }


def test_more_threads_than_one_are_named() -> None:
    two = Contest("kiosk", 2, KIOSK.series, (0.0, 0.0))
    assert list(two.ratios(PAIRS, seed=0)) == [
        "step_int8_vs_torch_eager_clip_2_threads",
        "step_int8_vs_fp32_2_threads",
    ]


def test_goals_are_judged_where_they_were_measured() -> None:
    goals = results().goals()
    assert goals["step_int8_vs_torch_eager_clip"] == {"least": 15.0, "found": 20.0, "met": True}
    assert goals["step_int8_vs_fp32"] == {"least": 1.4, "found": 1.3, "met": False}
    # p95 of 10, 10, 10, 30 is 27.
    assert goals[TAIL] == {"most": 1.6, "found": 2.7, "met": False}
    assert "b32_query_vs_release_603" not in goals
    assert Results({}).goals() == {}


def test_the_tail_is_that_of_one_thread() -> None:
    two = Contest("kiosk", 2, KIOSK.series, (0.0, 0.0))
    assert Results({}, [two]).tail() is None


def test_raw_samples_are_written_where_they_are_wanted() -> None:
    short, whole = (results().as_dict(raw=raw) for raw in (False, True))
    assert "rounds_ms" not in json.dumps(short)
    step = whole["contests"][0]["alternatives"]["int8_step"]
    assert step["rounds_ms"] == [[10.0, 10.0], [10.0, 30.0]]
    assert step["samples"] == 4
    assert whole["contests"][0]["stages_p50_ms"] == {"int8": {"search": 2.0}}
    assert whole["seconds"] == 1.0


def test_sentences_say_what_is_scaled_missing_and_missed() -> None:
    found = results()
    found.extrapolated_from["step_int8_vs_fp32"] = {}
    found.skipped["shelf"] = "too little memory"
    text = "\n".join(sentences(found))
    assert "step_int8_vs_fp32: 1.3 times, 95 % of 0.65 to 1.3 (scaled from a part)" in text
    assert "goal step_int8_vs_fp32, at least 1.4: 1.3, MISSED" in text
    assert "at most 1.6: 2.7, MISSED" in text
    assert "left out, shelf: too little memory" in text


def test_files_are_named_by_hardware_and_versions() -> None:
    epyc = Cpu("AMD EPYC", 2, frozenset({"avx2", "avx512f", "avx512_vnni"}))
    versions = {"onnxruntime": "1.32.0", "torch": "2.13.0+cpu", "tensorrt": None}
    assert (
        file_name("bench", epyc, versions)
        == "bench-epyc-2core-avx512vnni-onnxruntime1.32.0-torch2.13.0.json"
    )
    i5 = Cpu("Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz", 8, frozenset({"avx2"}))
    assert hardware(i5) == "i5-8250u-8core-avx2"
    pi = Cpu("Raspberry Pi 5 Model B Rev 1.0", 4, frozenset({"asimd", "asimddp"}))
    assert hardware(pi) == "raspberry-pi-5-model-b-rev-1-0-4core-dotprod"
    assert hardware(Cpu("a/../b", 1, frozenset())) == "a-b-1core"
