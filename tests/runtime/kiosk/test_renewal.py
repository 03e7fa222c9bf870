"""Engines are really built by another process while the network serves."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime.bundle.reader import Bundle
from runtime.catalog.sqlite_catalog import SqliteCatalog
from runtime.commands.engines import tell_engines
from runtime.engines.rebuild import Rebuild, build_command
from runtime.engines.settings import AUTO, EngineSettings
from runtime.errors import GpuError
from runtime.kiosk.engine import engine_info
from runtime.kiosk.renewal import Renewal, open_or_build
from runtime.matcher import Matcher
from runtime.network import Network
from runtime.opening import open_network
from tests.runtime.engines.gpu_machine import GpuMachine, with_graphs

BUILD = """
import sys
from pathlib import Path
from runtime.bundle.reader import open_bundle
from tests.runtime.engines.gpu_machine import GpuMachine
bundle = open_bundle(Path(sys.argv[1]))
GpuMachine(Path(sys.argv[2])).build(bundle)
print("built")
"""
STRICT = EngineSettings("tensorrt")
SLEEP = "import time; print('at work', flush=True); time.sleep(60)"
FAIL = """
import json
print("at work")
print(json.dumps({"error": {"what": "no engines", "why": "the disk is full", "fix": "free some"}}))
raise SystemExit(13)
"""


@pytest.fixture(scope="module")
def bundle(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return with_graphs(bundle_folder, tmp_path_factory.mktemp("renewal") / "bundle")


@pytest.fixture
def gpu(tmp_path: Path) -> GpuMachine:
    return GpuMachine(tmp_path)


@pytest.fixture
def told() -> list[str]:
    return []


def _builds(script: str, gpu: GpuMachine) -> Callable[[Path], Rebuild]:
    return lambda folder: Rebuild(
        folder, [sys.executable, "-c", script, str(folder), str(gpu.folder)]
    )


@pytest.fixture
def serving(bundle: Bundle, gpu: GpuMachine) -> Iterator[Network]:
    with open_network(bundle.folder, AUTO, gpu.machine()) as network:
        yield network


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_serving_network_takes_the_engines_when_they_are_built(
    serving: Network, gpu: GpuMachine, catalog: SqliteCatalog, told: list[str], bundle: Bundle
) -> None:
    assert serving.selection is not None
    assert serving.selection.label == "fallback:no-engine"
    matcher = Matcher(serving, catalog)
    picture = np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8)
    matcher.see(picture, 0.0)
    before = matcher.step(0.0)
    adopted: list[int] = []

    def adopt() -> None:
        matcher.reset()
        adopted.append(1)

    with Renewal(serving, adopt, told.append, gpu.machine(), _builds(BUILD, gpu)) as renewal:
        _until(lambda: renewal.refresh() is None and bool(adopted))
        renewal.refresh()
    assert adopted == [1]
    assert serving.selection.label == "rebuilt"
    shown = engine_info(serving)
    assert (shown.selection, shown.fix, shown.warnings) == ("rebuilt", "", ())
    assert set(serving.providers.values()) == {"tensorrt:10.3.0"}
    assert "Building engines meanwhile" in told[0]
    assert "in use" in told[1]
    matcher.see(picture, 0.0)
    after = matcher.step(0.0)
    assert "chain" in after.latency_ms
    assert [c.product_id for c in after.candidates] == [c.product_id for c in before.candidates]
    with open_network(bundle.folder, STRICT, GpuMachine(gpu.folder).machine()) as again:
        assert again.selection is not None
        assert again.selection.label == "tensorrt"


def test_why_not_tensorrt_is_said_on_stderr_and_in_the_status(
    serving: Network, bundle_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = engine_info(serving)
    assert shown.selection == "fallback:no-engine"
    assert "none have been built" in shown.detail
    assert "sgmn build" in shown.fix
    tell_engines(serving)
    said = capsys.readouterr()
    assert said.err == f"Engines: fallback:no-engine: {shown.detail}. Fix: {shown.fix}\n"
    assert said.out == ""
    with open_network(bundle_folder, AUTO) as plain:
        tell_engines(plain)
    assert capsys.readouterr().err == "", "a bundle for the processor runs where it is meant to"


def test_a_build_that_fails_is_told_once_and_the_kiosk_goes_on(
    serving: Network, gpu: GpuMachine, told: list[str]
) -> None:
    def never() -> None:
        raise AssertionError

    with Renewal(serving, never, told.append, gpu.machine(), _builds(FAIL, gpu)) as renewal:
        _until(lambda: renewal.refresh() is None and len(told) > 1)
        renewal.refresh()
    assert told[1:] == ["Building engines failed: no engines: the disk is full"]
    assert serving.selection is not None
    assert serving.selection.label == "fallback:no-engine"


def test_a_build_that_cannot_start_is_told_and_the_kiosk_goes_on(
    serving: Network, gpu: GpuMachine, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(gpu.folder / "gone"))
    renewal = Renewal(serving, lambda: None, told.append, gpu.machine(), _builds(SLEEP, gpu))
    with renewal:
        renewal.refresh()
    assert told[1].startswith("Building engines failed: [Errno 2]")
    assert len(told) == 2


def test_engines_that_were_built_for_nothing_are_told(
    serving: Network, gpu: GpuMachine, told: list[str]
) -> None:
    odd = BUILD.replace(".build(bundle)", ".build(bundle, refuse=True)")
    shown: list[str] = []

    def show() -> None:
        shown.append(engine_info(serving).selection)

    with Renewal(serving, show, told.append, gpu.machine(), _builds(odd, gpu)) as renewal:
        _until(lambda: renewal.refresh() is None and len(told) > 1)
    assert "cannot be used" in told[1]
    assert shown == ["fallback:tensorrt"], "why now, not why they were built"
    assert set(serving.providers.values()) == {"onnxruntime:CPUExecutionProvider"}


def test_what_building_does_not_mend_is_not_built(
    bundle: Bundle, gpu: GpuMachine, told: list[str]
) -> None:
    gpu.failing["driver"] = GpuError("x", reason="no-driver", why="y", fix="z")
    with (
        open_network(bundle.folder, AUTO, gpu.machine()) as network,
        Renewal(network, lambda: None, told.append, gpu.machine(), _builds(SLEEP, gpu)) as renewal,
    ):
        renewal.refresh()
    assert told == []
    with pytest.raises(GpuError, match="refused:no-driver"):
        open_or_build(bundle.folder, STRICT, told.append, gpu.machine(), _builds(SLEEP, gpu))
    assert told == []


def test_where_nothing_may_take_their_place_engines_are_built_first(
    bundle: Bundle, gpu: GpuMachine, told: list[str]
) -> None:
    machine = gpu.machine()
    with open_or_build(bundle.folder, STRICT, told.append, machine, _builds(BUILD, gpu)) as network:
        assert network.selection is not None
        assert network.selection.label == "rebuilt"
    assert len(told) == 1


def test_where_that_fails_it_is_refused(bundle: Bundle, gpu: GpuMachine, told: list[str]) -> None:
    with pytest.raises(GpuError, match="refused:no-engine"):
        open_or_build(bundle.folder, STRICT, told.append, gpu.machine(), _builds(FAIL, gpu))
    assert told[1] == "Building engines failed: no engines: the disk is full"


def test_a_closed_renewal_leaves_no_process(serving: Network, gpu: GpuMachine) -> None:
    made: list[Rebuild] = []

    def make(folder: Path) -> Rebuild:
        made.append(_builds(SLEEP, gpu)(folder))
        return made[-1]

    renewal = Renewal(serving, lambda: None, lambda text: None, gpu.machine(), make)
    renewal.close()
    renewal.open()
    (building,) = made
    _until(lambda: building.told == "at work")
    assert building.state == "running"
    process = building._process
    assert process is not None
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == 19
    renewal.close()
    renewal.close()
    assert process.returncode == -signal.SIGTERM
    assert building.told == ""


def test_a_build_finds_what_relative_names_mean_here(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bundle.folder.parent)
    monkeypatch.setenv("SGMN_HOME", "kept")
    assert build_command(Path("bundle"))[-2] == str(bundle.folder)
    say = "from runtime.home import home; print(home())"
    with Rebuild(Path("bundle"), [sys.executable, "-c", say]) as building:
        assert building.wait() == "done"
        assert building.told == str(bundle.folder.parent / "kept")


def test_a_build_is_this_installation_s_own_command(tmp_path: Path) -> None:
    command = build_command(tmp_path)
    assert command[0] == sys.executable
    assert command[-3:] == ["build", str(tmp_path), "--json"]
    never = Rebuild(tmp_path, ["true"])
    assert never.state == "failed"
    never.close()
