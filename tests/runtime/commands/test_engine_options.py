"""``--provider``, ``--threads`` and ``--fallback``: what is asked for holds, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import onnxruntime
import pytest

from runtime import opening
from runtime.commands.options import FALLBACKS, PROVIDERS
from runtime.engines import sessions
from runtime.engines.settings import EngineSettings, Fallback, Provider
from runtime.network import Network
from runtime.opening import open_network
from tests.runtime.commands.conftest import Match, Said

ENGINE = 6


@pytest.fixture
def absent() -> str:
    """A provider that this machine does not have."""
    offered = onnxruntime.get_available_providers()
    names = [name for name in sessions.NAMES if sessions.NAMES[name] not in offered]
    if not names:
        pytest.skip("every provider is installed here")
    return names[0]


def test_commands_offer_what_settings_know() -> None:
    assert get_args(Provider) == PROVIDERS == ("auto", "tensorrt", *sessions.NAMES)
    assert get_args(Fallback) == FALLBACKS


def test_a_provider_that_is_not_there_ends_match(match: Match, clip: Path, absent: str) -> None:
    said = match(clip, "--no-speech", "--provider", absent)
    assert (said.code, said.error["code"]) == (ENGINE, "engine")
    assert sessions.NAMES[absent] in said.error["what"]
    assert "--provider cpu" in said.error["fix"]


def test_tensorrt_engines_that_are_not_there_end_match(match: Match, clip: Path) -> None:
    """The bundle is for the processor; asked for by name, nothing takes their place."""
    said = match(clip, "--no-speech", "--provider", "tensorrt")
    assert (said.code, said.error["code"]) == (ENGINE, "gpu")
    assert said.error["what"].startswith("refused:no-graphs")
    allowed = match(clip, "--no-speech", "--provider", "tensorrt", "--fallback", "allow")
    assert allowed.code == 0
    assert allowed.json["engines"]["label"] == "fallback:no-graphs"


@pytest.mark.parametrize("command", ["demo", "kiosk"])
def test_it_ends_the_others_too(
    sgmn: Callable[..., Said], catalog_folder: Path, absent: str, command: str
) -> None:
    arguments = {
        "demo": ["--headless", "--json"],
        "kiosk": ["--no-page", "--json", "--catalog", catalog_folder],
    }[command]
    said = sgmn(command, *arguments, "--provider", absent)
    assert (said.code, said.error["code"]) == (ENGINE, "engine")


def test_doctor_finds_that_it_is_not_there(sgmn: Callable[..., Said], absent: str) -> None:
    said = sgmn("doctor", "--json", "--provider", absent)
    assert said.code == 1
    failed = {f["check"]: f for f in said.json["findings"] if f["status"] == "fail"}
    assert {"providers", "network"} <= set(failed)
    assert "bundle" not in failed, "every byte of it is right"
    assert sessions.NAMES[absent] in failed["providers"]["detail"]
    assert "--provider cpu" in failed["providers"]["fix"]


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, EngineSettings("auto", fallback="allow")),
        ({"--threads": "1"}, EngineSettings("auto", threads=1, fallback="allow")),
        ({"--provider": "cpu"}, EngineSettings("cpu")),
        ({"--fallback": "allow", "--provider": "cpu"}, EngineSettings("cpu", fallback="allow")),
    ],
    ids=str,
)
def test_the_settings_reach_the_network(
    match: Match,
    clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    asked: EngineSettings,
) -> None:
    seen: list[EngineSettings] = []

    def remember(folder: Path, settings: EngineSettings) -> Network:
        seen.append(settings)
        return open_network(folder, settings)

    monkeypatch.setattr(opening, "open_network", remember)
    words = [word for pair in given.items() for word in pair]
    assert match(clip, "--no-speech", *words).code == 0
    assert seen == [asked]


def test_variables_stand_for_the_options(
    match: Match, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SGMN_PROVIDER", "tensorrt")
    assert match(clip, "--no-speech").code == ENGINE
    monkeypatch.setenv("SGMN_FALLBACK", "allow")
    assert match(clip, "--no-speech").json["engines"]["reason"] == "no-graphs"
    told = match(clip, "--no-speech", "--provider", "cpu").json["engines"]
    assert told["label"] == "asked for by name"


def test_a_number_of_threads_below_zero_is_no_number_of_threads(
    sgmn: Callable[..., Said], catalog_folder: Path
) -> None:
    said = sgmn("match", "clip.mp4", "--catalog", catalog_folder, "--threads", "-1")
    assert (said.code, said.stdout) == (2, "")
    assert "--threads" in said.stderr
