"""A run's folder: what was asked, on what, by which code, and what came of it."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from models.backbones.registry import TOKENIZER
from models.tensor_file import write_whole
from models.training.trainer import Files
from runtime.errors import UsageError
from runtime.lock import FileLock
from runtime.version import __version__

PACKAGES = ("torch", "numpy", "opencv-python-headless")


@dataclass(frozen=True)
class RunFolder:
    """Names of what is in a run's folder.

    Attributes:
        path: the folder itself.
    """

    path: Path

    @property
    def checkpoint(self) -> Path:
        """The trained network."""
        return self.path / "checkpoint.safetensors"

    @property
    def tokenizer(self) -> Path:
        """That of the text encoder, for the export."""
        return self.path / TOKENIZER

    @property
    def curves(self) -> Path:
        """Losses and figures as a picture."""
        return self.path / "curves.svg"

    @property
    def heads(self) -> Files:
        """The training of the heads."""
        state = self.path / "state" / "heads.safetensors"
        return Files(self.path / "log.csv", self.path / "validation.csv", state)

    @property
    def projection(self) -> Files:
        """The training of the projection, which has no validation."""
        state = self.path / "state" / "projection.safetensors"
        return Files(self.path / "projection.csv", self.path / "projection_validation.csv", state)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and keep other runs out of it.

        Raises:
            UsageError: another run is going on in it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / "run.lock")
        if not lock.acquire():
            raise UsageError(
                f"another run is going on in {self.path}",
                why="two would write the same files",
                fix="wait until it has ended, or give another --out",
            )
        try:
            yield
        finally:
            lock.release()

    def check(self, config: Mapping[str, Any], data: Mapping[str, str]) -> None:
        """Refuse to go on with a run of other settings or data.

        Raises:
            UsageError: naming what differs.
        """
        kept = self._asked()
        if kept is None:
            return
        before, now = _flat(kept), _flat({"config": config, "data": data})
        differing = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
        if differing:
            told = [f"{k} ({before.get(k)} there, {now.get(k)} here)" for k in differing[:5]]
            raise UsageError(
                f"{self.path} holds a run with other settings or data",
                why="; ".join(told) + ("; ..." if differing[5:] else ""),
                fix="give another --out, or --restart to begin anew in this one",
            )

    def begin(self, config: Mapping[str, Any], data: Mapping[str, str]) -> None:
        """Write down what is asked, so that a later call can go on."""
        for files in (self.heads, self.projection):
            files.state.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path / "config.json", {"config": config, "data": data})

    def clear(self) -> None:
        """Remove what a former run left, apart from encoded features."""
        shutil.rmtree(self.path / "state", ignore_errors=True)
        names = ("config.json", "run.json")
        files = (self.heads, self.projection)
        logs = (log for f in files for log in (f.log, f.validation))
        for place in (*(self.path / n for n in names), *logs, self.checkpoint, self.curves):
            place.unlink(missing_ok=True)

    def _asked(self) -> dict[str, Any] | None:
        try:
            text = (self.path / "config.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            return dict(json.loads(text))
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"{self.path / 'config.json'} is damaged",
                why=str(error),
                fix="give another --out, or --restart to begin anew in this one",
            ) from error


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON for people to read, whole or not at all."""
    write_whole(path, (json.dumps(value, indent=2) + "\n").encode())


def code_versions() -> dict[str, str]:
    """Of this program and of what decides numbers."""
    return {
        "sgmn-edge": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def git_state() -> dict[str, Any]:
    """The commit of the code and whether files differ from it; unknown outside of a checkout."""
    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit or "unknown", "dirty": None if changed is None else bool(changed)}


def _git(*arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _flat(value: Any, place: str = "") -> dict[str, Any]:
    """Nested settings by dotted names, without the outermost one for settings."""
    if not isinstance(value, Mapping):
        return {place.removeprefix("config."): _json_like(value)}
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found |= _flat(inner, f"{place}.{name}" if place else name)
    return found


def _json_like(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
