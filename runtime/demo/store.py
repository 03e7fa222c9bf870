"""The bundled store: products that do not exist, shown by nobody, safe to ship."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import runtime
from runtime.errors import ClipListError

FEED = "catalog.csv"
CLIP_LIST = "clips.jsonl"

_REINSTALL = "install it again: pip install --force-reinstall sgmn-edge"


@dataclass(frozen=True)
class DemoClip:
    """One clip with sound.

    Attributes:
        name: as the list names it, e.g. ``clips/01.mp4``.
        path: the file.
        expected: id of the product it shows; compared with the answer, never shown to the engines.
    """

    name: str
    path: Path
    expected: str


@dataclass(frozen=True)
class Store:
    """A feed and clips that show its products."""

    feed: Path
    clips: tuple[DemoClip, ...]


def shipped_store() -> Path:
    """The folder of the bundled store; not checked here."""
    return Path(runtime.__file__).resolve().parent / "assets" / "store"


def open_store(folder: Path) -> Store:
    """Read the list of clips.

    Raises:
        ClipListError: the store, its list or one of its clips is missing or damaged.
    """
    feed = folder / FEED
    if not feed.is_file():
        raise ClipListError(
            f"there is no demo store in {folder}", why=f"{FEED} is missing", fix=_REINSTALL
        )
    clips = tuple(_clip(folder, line) for line in _lines(folder / CLIP_LIST))
    if not clips:
        raise ClipListError(
            f"the demo store in {folder} has no clips", why=f"{CLIP_LIST} is empty", fix=_REINSTALL
        )
    return Store(feed, clips)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ClipListError(f"{path} cannot be read", why=str(error), fix=_REINSTALL) from error
    return [line for line in text.splitlines() if line.strip()]


def _clip(folder: Path, line: str) -> DemoClip:
    """The line also holds the narration, for people; it is not even kept here."""
    try:
        fields = json.loads(line)
        clip = DemoClip(str(fields["clip"]), folder / str(fields["clip"]), str(fields["expected"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ClipListError(
            f"{folder / CLIP_LIST} has a line that is no clip", why=repr(error), fix=_REINSTALL
        ) from error
    if not clip.path.is_file():
        raise ClipListError(
            f"the demo clip {clip.name} is missing", why=f"no file {clip.path}", fix=_REINSTALL
        )
    return clip
