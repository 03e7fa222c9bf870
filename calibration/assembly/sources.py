"""The files that a part of a bundle is made of, and one digest of all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
        feeds: feeds with their shop images.
        clips: a list of labelled clips with the photos that its frames are cut from; or None.
        root: the folder that those are relative to.
        enrol: a list of photos to enrol, with the photos of the splits that are; or None.
    """

    places: Sequence[Path] = ()
    feeds: Sequence[Path] = ()
    clips: Path | None = None
    root: Path | None = None
    enrol: Path | None = None

    def files(self) -> list[Path]:
        """All files, sorted.

        Raises:
            InputError: a list of them cannot be read.
        """
        found = {file for place in self.places for file in _below(place)}
        for feed in self.feeds:
            found |= {feed, *(row.item.image for row in read_feed(feed))}
        if self.clips is not None and self.root is not None:
            found |= {self.clips, *self._photos(self.clips, self.root)}
        if self.enrol is not None:
            listed = read_photo_list(self.enrol, ENROLLED_SPLITS)
            found |= {self.enrol, *(photo.path for photo in listed)}
        return sorted(found)

    def _photos(self, clips: Path, root: Path) -> Iterable[Path]:
        for clip in read_clips(clips, root):
            for frames in clip.tiers.values():
                yield from (root / photo for frame in frames for photo in frame.photos)


def digest_of(files: Sequence[Path], command: Sequence[str], version: str) -> str:
    """Hex SHA-256 of a command, the program's version, and names and contents of files."""
    digest = hashlib.sha256(repr((version, list(command))).encode())
    for file in files:
        digest.update(f"\0{file}\0{file_digest(file)}".encode())
    return digest.hexdigest()


def _below(place: Path) -> Iterable[Path]:
    if not place.is_dir():
        return [place]
    return (f for f in place.rglob("*") if f.is_file() and LEFT_OUT not in f.parts)
