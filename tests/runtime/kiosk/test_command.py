"""`sgmn kiosk` as a process, on a real stream. Colours stand in for the network."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from runtime.bundle.shipped import shipped_bundle
from runtime.catalog.importer import import_feed
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.commands.kiosk import kiosk
from runtime.demo.store import open_store, shipped_store
from tests.runtime.capture.sound_server import private_sound_server
from tests.runtime.kiosk.running import PATIENCE_S, REAL, STAND_IN, Running, alive
from tests.runtime.kiosk.stand_in import ColourNetwork


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """The bundled store's catalog, built with the stand-in."""
    folder = tmp_path / "catalog"
    feed = open_store(shipped_store()).feed
    digest = ColourNetwork.bundle.digest
    import_feed(feed, folder, ColourNetwork(), digest, lambda items, label, total: iter(items))
    return folder


class Stream:
    """A demo clip, sent in a loop by ffmpeg to one client on loopback."""

    def __init__(self, clip: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"tcp://127.0.0.1:{self.port}"
        self._clip = clip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        source = ["-re", "-stream_loop", "-1", "-i", str(self._clip), "-an"]
        coding = ["-c:v", "mpeg2video", "-q:v", "3", "-r", "25", "-g", "5", "-f", "mpegts"]
        self._process = subprocess.Popen(
            ["ffmpeg", "-nostdin", "-v", "quiet", *source, *coding, f"{self.url}?listen=1"]
        )

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


@pytest.fixture
def stream() -> Iterator[Stream]:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    stream = Stream(shipped_store() / "clips" / "01.mp4")
    stream.start()
    yield stream
    stream.stop()


@pytest.fixture
def run() -> Iterator[Callable[..., Running]]:
    every: list[Running] = []

    def start(program: tuple[str, ...], *arguments: str, **environment: str) -> Running:
        every.append(Running(program, *arguments, **environment))
        return every[-1]

    yield start
    for running in every:
        running.close()


Run = Callable[..., Running]


def test_a_stream_becomes_events_and_a_page_and_ctrl_c_ends_it(
    run: Run, catalog: Path, stream: Stream
) -> None:
    running = run(
        STAND_IN,
        "kiosk",
        "--catalog",
        str(catalog),
        "--camera",
        stream.url,
        "--port",
        "0",
        "--json",
    )
    event = json.loads(running.line('"present"'))
    url = running.url()
    assert event["product_id"] in {candidate["product_id"] for candidate in event["candidates"]}
    assert httpx.get(f"{url}/readyz").json() == {
        "ready": True,
        "reasons": [],
        "engine": "fallback:no-graphs",
    }
    status = httpx.get(f"{url}/status").json()
    assert (status["hearing"], status["catalog_items"]) == ("off", 48)
    code, spent = running.end()
    assert (code, running.errors[-1]) == (130, "Interrupted.")
    assert spent < 4
    kinds = [(e["kind"], e["product_id"]) for e in map(json.loads, running.out)]
    assert all(one != other for one, other in pairwise(kinds))


def test_a_lost_stream_is_said_and_comes_back(run: Run, catalog: Path, stream: Stream) -> None:
    running = run(
        STAND_IN, "kiosk", "--catalog", str(catalog), "--camera", stream.url, "--port", "0"
    )
    running.line("present  sto-")
    url = running.url()
    stream.stop()
    _until(lambda: httpx.get(f"{url}/readyz").json()["reasons"] == ["camera lost"])
    assert running.line("nothing")
    assert "gives no pictures" in running.line("Camera lost", error=True)
    seen = len(running.out)
    stream.start()
    _until(lambda: any("present" in line for line in running.out[seen:]))
    assert httpx.get(f"{url}/readyz").status_code == 200


def test_speech_runs_in_a_child_that_ends_with_the_kiosk(
    run: Run, catalog: Path, stream: Stream
) -> None:
    # No such device anywhere: the microphone is lost from the start and the pictures still work.
    running = run(
        STAND_IN,
        *("kiosk", "--catalog", str(catalog), "--camera", stream.url, "--port", "0"),
        *("--microphone", "no such microphone"),
    )
    running.line("present")
    _until(lambda: httpx.get(f"{running.url()}/status").json()["hearing"] == "lost")
    assert "no such microphone" in running.line("Microphone lost", error=True)
    children = running.children()
    assert children
    code, spent = running.end()
    assert code == 130
    assert spent < 5
    assert not any(map(alive, children))


def test_a_microphone_is_heard(
    run: Run, catalog: Path, stream: Stream, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("sound")
    wav = folder / "narration.wav"
    with private_sound_server(folder) as server:
        clip = str(shipped_store() / "clips" / "01.mp4")
        subprocess.run(["ffmpeg", "-v", "quiet", "-i", clip, "-vn", str(wav)], check=True)
        server.start()
        running = run(
            STAND_IN,
            *("kiosk", "--catalog", str(catalog), "--camera", stream.url, "--port", "0"),
            "--microphone",
        )
        url = running.url()
        _until(lambda: httpx.get(f"{url}/status").json()["hearing"] == "on")
        playing = server.play(wav)
        with httpx.stream("GET", f"{url}/events", timeout=PATIENCE_S) as events:
            told = (json.loads(line[6:]) for line in events.iter_lines() if "speech" in line)
            assert any("salted crisps" in screen["speech"]["final"] for screen in told)
        playing.wait(PATIENCE_S)
        server.kill()
        _until(lambda: httpx.get(f"{url}/status").json()["hearing"] == "lost")
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert running.end()[0] == 130


def test_sigterm_ends_it_cleanly(run: Run, catalog: Path) -> None:
    running = run(STAND_IN, "kiosk", "--catalog", str(catalog), "--port", "0")
    running.url()
    time.sleep(1)
    assert running.end(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize("after_s", [0.3, 0.8, 1.5])
def test_ctrl_c_at_any_moment_of_the_start(run: Run, catalog: Path, after_s: float) -> None:
    running = run(
        STAND_IN, "kiosk", "--catalog", str(catalog), "--port", "0", "--microphone", "none"
    )
    if after_s > 0.5:
        running.url()
    time.sleep(after_s)
    children = running.children()
    code, _ = running.end()
    assert code in (130, -signal.SIGINT), running.errors  # the latter before Python is up
    assert not any(map(alive, children))


def test_no_speech_model_switches_speech_off_loudly(run: Run, catalog: Path) -> None:
    code = (
        "import runtime.speech.model as model; model._SHIPPED = model._SHIPPED / 'gone';"
        "import runpy; runpy.run_module('tests.runtime.kiosk.stand_in_sgmn', run_name='__main__')"
    )
    running = run(("-c", code), "kiosk", "--catalog", str(catalog), "--port", "0", "--microphone")
    running.line("Speech is OFF", error=True)
    url = running.url()
    _until(lambda: httpx.get(f"{url}/status").json()["hearing"] == "no model")
    assert running.process.poll() is None


def test_a_newly_published_catalog_is_counted(run: Run, catalog: Path) -> None:
    running = run(STAND_IN, "kiosk", "--catalog", str(catalog), "--port", "0")
    url = running.url()
    _until(lambda: httpx.get(f"{url}/status").json()["catalog_items"] == 48)
    with SqliteCatalog.open(catalog, ColourNetwork.bundle.digest) as published:
        published.delete(["sto-000"])
        published.publish()
    _until(lambda: httpx.get(f"{url}/status").json()["catalog_items"] == 47)


def test_a_wider_host_is_warned_about(run: Run, catalog: Path) -> None:
    running = run(STAND_IN, "kiosk", "--catalog", str(catalog), "--host", "0.0.0.0", "--port", "0")
    assert "shows the camera" in running.line("Warning", error=True)


def test_a_missing_catalog_is_a_clear_error(run: Run, tmp_path: Path) -> None:
    running = run(STAND_IN, "kiosk", "--catalog", str(tmp_path / "none"), "--no-page")
    assert running.process.wait(60) == 5
    running.line("fix:", error=True)


def test_an_empty_camera_is_refused(run: Run, catalog: Path) -> None:
    running = run(STAND_IN, "kiosk", "--catalog", str(catalog), "--camera", " ")
    assert running.process.wait(PATIENCE_S) == 2
    assert "--camera is empty" in running.line("Error", error=True)


def test_help_needs_nothing_heavy() -> None:
    shown = CliRunner().invoke(kiosk, ["--help"])
    assert shown.exit_code == 0
    assert "--microphone [DEVICE]" in shown.output


def test_the_real_network_on_a_real_stream(run: Run, tmp_path: Path, stream: Stream) -> None:
    if not (shipped_bundle() / "manifest.json").is_file():
        pytest.skip("no bundle is shipped in this tree")
    from runtime.network import Network

    folder = tmp_path / "catalog"
    with Network.open(shipped_bundle()) as network:
        feed = open_store(shipped_store()).feed
        digest = network.bundle.digest
        import_feed(feed, folder, network, digest, lambda items, label, total: iter(items))
    running = run(
        REAL, "kiosk", "--catalog", str(folder), "--camera", stream.url, "--port", "0", "--json"
    )
    running.line('"kind"')
    _until(lambda: httpx.get(f"{running.url()}/readyz").status_code == 200)
    assert running.end()[0] == 130


def _until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.05)
