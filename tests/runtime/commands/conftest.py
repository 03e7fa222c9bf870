"""``sgmn match`` on the real bundle and store, in this process."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runtime.commands.failure import run_guarded
from runtime.commands.main import cli


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.stdout)

    @property
    def error(self) -> dict[str, str]:
        """The error as JSON, the only thing said."""
        assert self.stdout == ""
        (line,) = self.stderr.splitlines()
        error: dict[str, str] = json.loads(line)["error"]
        assert all(error[part] for part in ("code", "what", "why", "fix"))
        return error


Match = Callable[..., Said]


@pytest.fixture
def sgmn(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*arguments: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["sgmn", *map(str, arguments)])
        capfd.readouterr()
        code = run_guarded(cli)
        return Said(code, *capfd.readouterr())

    return run


@pytest.fixture
def match(sgmn: Callable[..., Said], bundle_folder: Path, catalog_folder: Path) -> Match:
    """``sgmn match CLIP`` with ``--json`` and the catalog of the store."""

    def run(clip: Path, *arguments: str | Path) -> Said:
        folders = ("--bundle", bundle_folder, "--catalog", catalog_folder)
        return sgmn("match", clip, *folders, "--json", *arguments)

    return run
