"""One part of a bundle's assembly: a folder that a command makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from calibration.assembly.sources import Sources, digest_of
from runtime.bundle.files import write_durably
from runtime.version import __version__

PLACE = "{out}"
"""Stands in a command for the folder it is to write."""


@dataclass(frozen=True)
class Part:
    """A folder and how it comes about.

    Attributes:
        out: the folder.
        proof: a file in it; its time says when it was known to be up to date. Where the command
            does not write it, it is made empty when the command has succeeded.
        command: makes it; `PLACE` stands for the folder.
        sources: what the command reads.
        resumes: the command goes on in a folder that is there; else it makes a new one, which then
            takes the old one's place.
    """

    out: Path
    proof: str
    command: Sequence[str]
    sources: Sources
    resumes: bool = False

    @property
    def key_file(self) -> Path:
        """Keeps the digest of what the folder was made of."""
        return self.out.with_name(f"{self.out.name}.key")

    def make(self, depfile: Path | None = None) -> bool:
        """Run the command, unless nothing it depends on has changed since it last succeeded.

        Args:
            depfile: where the files it reads are listed for make and ninja; None for nowhere.

        Returns:
            Whether the command was run.

        Raises:
            InputError: a list of files cannot be read.
            OSError: a file cannot be read or written.
            subprocess.CalledProcessError: the command failed; what was there before stays.
        """
        begun, files = time.time(), self.sources.files()
        key = digest_of([*files, *self.sources.made()], self.command, __version__)
        changed = not (self._has(self.proof) and self._kept_key() == key)
        if changed:
            self._run()
            write_durably(self.key_file, f"{key}\n".encode())
        if depfile is not None:
            write_durably(depfile, _depfile(self.out / self.proof, files).encode())
        proof = self.out / self.proof
        proof.touch()
        # As of when the sources were read: what changed meanwhile is newer.
        os.utime(proof, (begun, begun))
        return changed

    def _run(self) -> None:
        self.out.parent.mkdir(parents=True, exist_ok=True)
        # Without a key a part that is interrupted, or fails, is not taken for made.
        self.key_file.unlink(missing_ok=True)
        if self.resumes:
            (self.out / self.proof).unlink(missing_ok=True)
        fresh = self.out if self.resumes else self.out.with_name(f"{self.out.name}.new")
        if not self.resumes:
            shutil.rmtree(fresh, ignore_errors=True)
        subprocess.run([word.replace(PLACE, str(fresh)) for word in self.command], check=True)
        if not self.resumes:
            shutil.rmtree(self.out, ignore_errors=True)
            fresh.rename(self.out)

    def _has(self, name: str) -> bool:
        return (self.out / name).is_file()

    def _kept_key(self) -> str | None:
        try:
            return self.key_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None


def _depfile(target: Path, files: Sequence[Path]) -> str:
    return f"{_escaped(target)}: {' '.join(map(_escaped, files))}\n"


def _escaped(path: Path) -> str:
    """As make wants it. Source: GNU make manual, rules for special characters."""
    text = str(path).replace("$", "$$")
    return "".join(f"\\{c}" if c in " #" else c for c in text)
