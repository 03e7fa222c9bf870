"""`sgmn demo` as a process. Colours stand in for the network; the real one where it is shipped."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from runtime.bundle.shipped import shipped_bundle
from runtime.demo.store import Store
from tests.runtime.kiosk.running import REAL, STAND_IN, Running, alive

Run = Callable[..., Running]
HEADLESS = ("demo", "--headless", "--json")


@pytest.fixture
def run(tmp_path: Path, store: Store) -> Iterator[Run]:
    """Starts a command whose temporary folders must be gone when it has ended."""
    every: list[Running] = []
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def start(program: tuple[str, ...], *arguments: str) -> Running:
        every.append(Running(program, *arguments, TMPDIR=str(temporary)))
        return every[-1]

    yield start
    for running in every:
        running.close()
    assert list(temporary.glob("sgmn-*")) == []


def result(running: Running) -> dict[str, Any]:
    assert running.process.wait(300) == 0, running.errors
    [line] = _lines(running)
    found: dict[str, Any] = json.loads(line)
    return found


def test_headless_prints_what_was_computed(run: Run, store: Store) -> None:
    found = result(run(STAND_IN, *HEADLESS))
    assert [clip["clip"] for clip in found["clips"]] == [clip.name for clip in store.clips]
    assert all(clip["correct"] == (clip["answer"] == clip["expected"]) for clip in found["clips"])
    assert found["correct"] == sum(clip["correct"] for clip in found["clips"]) > 0
    assert found["total"] == len(store.clips)
    assert found["speech"] == "vosk-tiny-synthetic"
    assert found["bundle"]["name"] == "colours"
    assert set(found["latency"]["total"]) == {"p50", "p95", "samples"}
    assert "salted crisps" in found["clips"][0]["transcript"]


def test_headless_for_people_is_a_table(run: Run, store: Store) -> None:
    running = run(STAND_IN, "demo", "--headless")
    assert running.process.wait(120) == 0
    text = "\n".join(_lines(running))
    assert f"of {len(store.clips)} clips answered correctly" in text
    assert "01.mp4" in text


def test_a_missing_speech_model_that_was_asked_for_is_an_error(run: Run, tmp_path: Path) -> None:
    running = run(STAND_IN, *HEADLESS, "--speech-model", str(tmp_path / "none"))
    assert running.process.wait(60) == 8
    error = json.loads(running.line('"error"', error=True))
    assert error["error"]["code"] == "speech"


def test_without_a_speech_model_pictures_alone_answer(run: Run) -> None:
    code = (
        "import runtime.speech.model as model; model._SHIPPED = model._SHIPPED / 'gone';"
        "import runpy; runpy.run_module('tests.runtime.kiosk.stand_in_sgmn', run_name='__main__')"
    )
    running = run(("-c", code), *HEADLESS)
    found = result(running)
    running.line("Speech is OFF", error=True)
    assert found["speech"] == "off"
    assert {clip["transcript"] for clip in found["clips"]} == {""}


def test_json_needs_headless(run: Run) -> None:
    assert run(STAND_IN, "demo", "--json").process.wait(60) == 2


@pytest.mark.parametrize("after_s", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("arguments", [("demo", "--headless"), ("demo", "--port", "0")])
def test_ctrl_c_at_any_moment(run: Run, arguments: tuple[str, ...], after_s: float) -> None:
    running = run(STAND_IN, *arguments, "--no-open")
    time.sleep(after_s)
    children = running.children()
    code, spent = running.end()
    early = (-signal.SIGINT,)  # before Python is up
    late = (0,) if running.out else ()  # it had finished
    assert code in (130, *early, *late), running.errors
    assert spent < 4
    assert not any(map(alive, children))


def test_sigterm_ends_the_page(run: Run) -> None:
    running = run(STAND_IN, "demo", "--port", "0", "--no-open")
    url = running.url()
    _until(lambda: httpx.get(f"{url}/readyz").status_code == 200)
    children = running.children()
    assert children
    assert running.end(signal.SIGTERM)[0] == 0
    assert not any(map(alive, children))


def test_the_usual_port_gives_way_and_a_chosen_one_does_not(run: Run) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8765))
            taken.listen()
        except OSError:
            pass  # somebody else has it: as good
        running = run(STAND_IN, "demo", "--no-open")
        assert ":8765" not in running.url()
        assert running.end()[0] == 130
        chosen = run(STAND_IN, "demo", "--no-open", "--port", "8765")
        assert chosen.process.wait(60) == 2


@pytest.mark.slow
def test_the_real_demo_answers_its_clips(run: Run, store: Store) -> None:
    if not (shipped_bundle() / "manifest.json").is_file():
        pytest.skip("no bundle is shipped in this tree")
    found = result(run(REAL, *HEADLESS))
    assert found["total"] == len(store.clips)
    # The least that the shipped bundle must do here; elsewhere is for `sgmn evaluate`.
    assert found["correct"] >= 0.8 * found["total"]
    assert all(clip["transcript"] for clip in found["clips"])


def _lines(running: Running) -> list[str]:
    running.end_of_output()
    return running.out


def _until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.05)
