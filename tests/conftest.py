"""Fixtures that every floor's tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

# Read once by OpenCV, at the first clip that any test opens.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

# Under nohup or in a background job SIGINT is ignored, by the tests' children as well.
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parent.parent


NAMED_ASSETS = os.environ.get("SGMN_TEST_ASSETS")
ASSETS = Path(NAMED_ASSETS or REPOSITORY.parent / "shared")
HAS_ASSETS = (ASSETS / "data").is_dir()


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What this machine's user has installed must not reach a test, nor a test's bundles them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SGMN_HOME", str(tmp_path_factory.getbasetemp() / "home"))
        yield


@pytest.fixture(scope="session")
def assets() -> Path:
    """The real data and speech model for development; skipped, saying so, where absent."""
    if not HAS_ASSETS:
        pytest.skip(f"no development data in {ASSETS} (set SGMN_TEST_ASSETS)")
    return ASSETS


@pytest.fixture(scope="session")
def speech_model() -> Path:
    """The speech model shipped with the demo."""
    return REPOSITORY / "runtime" / "assets" / "speech" / "vosk-tiny-synthetic"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is installed (SGMN_FORBID_SKIPS), a skip is a failure."""
    report = yield
    forbidden = os.environ.get("SGMN_FORBID_SKIPS") and not _may_lack(item)
    if forbidden and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"
    return report


def _may_lack(item: pytest.Item) -> bool:
    """No package brings a GPU, nor the development data where nobody named them."""
    if "gpu" in item.keywords:
        return True
    needs_assets = "assets" in getattr(item, "fixturenames", ())
    return needs_assets and not HAS_ASSETS and NAMED_ASSETS is None
