"""Which bundles are installed and which of them is in use: one small file, replaced at once.

Everything else in the folder of installed bundles follows from it: a folder that it does not name
is what an interrupted command left.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from runtime.bundle.files import open_plain, write_durably
from runtime.errors import BundleError

INSTALLED: Final = "installed.json"
MAX_BYTES: Final = 1 << 16

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Installed(BaseModel):
    """The installed bundles by digest, oldest first.

    Going back means the one before; before the first lies the bundle shipped with the program.

    Attributes:
        bundles: all that are kept; those behind the current one were rolled back.
        current: the one in use; None for the shipped one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    bundles: tuple[Digest, ...] = ()
    current: Digest | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Installed:
        if len(set(self.bundles)) < len(self.bundles):
            raise ValueError("a bundle stands twice in the list")
        if self.current is not None and self.current not in self.bundles:
            raise ValueError("the bundle in use is not in the list")
        return self

    @property
    def previous(self) -> str | None:
        """The one before the current one; None for the shipped one, if that is not in use."""
        before = self._up_to_current()[:-1]
        return before[-1] if before else None

    def adding(self, digest: str, keep: int) -> Installed:
        """A new bundle in use; those that were rolled back and the oldest are given up.

        Args:
            digest: of the new bundle.
            keep: how many stay, the new one and the one before it in any case.
        """
        stack = [one for one in self._up_to_current() if one != digest] + [digest]
        return Installed(bundles=tuple(stack[-max(keep, 2) :]), current=digest)

    def rolled_back(self) -> Installed:
        """The one before in use; nothing is given up."""
        return Installed(bundles=self.bundles, current=self.previous)

    def _up_to_current(self) -> tuple[str, ...]:
        return self.bundles[: self.bundles.index(self.current) + 1] if self.current else ()


def read_installed(folder: Path) -> Installed:
    """What is installed in a folder; nothing where it has no list.

    Raises:
        BundleError: the list is damaged.
        OSError: it cannot be read.
    """
    place = folder / INSTALLED
    try:
        with open_plain(place) as source:
            data = source.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Installed()
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES} bytes")
        return Installed.model_validate(json.loads(data))
    except (ValidationError, ValueError, RecursionError) as error:
        raise BundleError(
            f"the list of installed bundles {place} is damaged",
            why=str(error).splitlines()[0],
            fix=f"remove {place} and install a bundle again: sgmn bundle install FOLDER",
        ) from error


def write_installed(folder: Path, installed: Installed) -> None:
    """Replace the list at once: whoever reads it gets the old one or this one."""
    data = installed.model_dump_json(indent=2) + "\n"
    write_durably(folder / INSTALLED, data.encode("ascii"))
