"""The files that a part of a bundle is made of, and one digest of all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from calibration.assembly.code import code_of
from models.data.grocery_lpr import read_clips
from models.evaluation.gallery import ENROLLED_SPLITS
from runtime.bundle.files import file_digest
from runtime.catalog.feed import read_feed
from runtime.catalog.photos import read_photo_list

LEFT_OUT = "__pycache__"


@dataclass(frozen=True)
class Sources:
    """What a command reads.

    Attributes:
        places: files, and folders with all below them.
        parts: folders of other parts, each known to make by its proof.
        modules: whose code runs, with all that they import.
        feeds: feeds with their shop images.
        clips: a list of labelled clips with the photos that its frames are cut from; or None.
        root: the folder that those are relative to.
        enrol: a list of photos to enrol, with the photos of the splits that are; or None.
    """

    places: Sequence[Path] = ()
    parts: Sequence[Path] = ()
    modules: Sequence[str] = ()
    feeds: Sequence[Path] = ()
    clips: Path | None = None
    root: Path | None = None
    enrol: Path | None = None

    def files(self) -> list[Path]:
        """All files but those of the parts, sorted.

        Raises:
            InputError: a list of them cannot be read.
        """
        found = _below(self.places) | code_of(self.modules)
        for feed in self.feeds:
            found |= {feed, *(row.item.image for row in read_feed(feed))}
        if self.clips is not None and self.root is not None:
            found |= {self.clips, *self._photos(self.clips, self.root)}
        if self.enrol is not None:
            listed = read_photo_list(self.enrol, ENROLLED_SPLITS)
            found |= {self.enrol, *(photo.path for photo in listed)}
        return sorted(found)

    def made(self) -> list[Path]:
        """The files of the parts, sorted."""
        return sorted(_below(self.parts))

    def _photos(self, clips: Path, root: Path) -> Iterable[Path]:
        for clip in read_clips(clips, root):
            for frames in clip.tiers.values():
                yield from (root / photo for frame in frames for photo in frame.photos)


def digest_of(files: Sequence[Path], command: Sequence[str], version: str) -> str:
    """Hex SHA-256 of a command, the program's version, and names and contents of files.

    A file that cannot be read has none: the command that needs it says so best.
    """
    digest = hashlib.sha256(repr((version, list(command))).encode())
    for file in files:
        digest.update(f"\0{file}\0{_content(file)}".encode())
    return digest.hexdigest()


def _content(file: Path) -> str:
    try:
        return file_digest(file)
    except OSError:
        return ""


def _below(places: Sequence[Path]) -> set[Path]:
    inner = (file for place in places if place.is_dir() for file in place.rglob("*"))
    found = {file for file in inner if file.is_file() and LEFT_OUT not in file.parts}
    return found | {place for place in places if not place.is_dir()}
