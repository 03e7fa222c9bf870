"""LPR4M: clips of live rooms and the shop images of their shelves, in the published format.

From the data set's public page (README of github.com/adxcreative/RICE, sections 2 and 3): the names
of the annotation files, the eleven tab separated columns of a training row, the test files and what
they map, the names of frames (``live_id-start-end-index``, milliseconds), training frames at one a
second and test frames at one in three, img2dataset as the way to download. Sizes and protocol: spec
sections 1.2 and 1.5.

Assumed, because the page does not say: lists of frames may be written as JSON or Python, or with
commas or blanks, and hold whole frame ids or indices alone; the three types of a row are labels of
any spelling; a training frame's index counts seconds. Boxes are not read. Files are found by the
beginning of their names, so that parts and smaller selections (LPR750K) work as well::

    ROOT/training_videoinfo*.txt          video_id, frames, boxes, image_id, title, category id,
                                          category, ASR, scale, duration and number type
    ROOT/test_videoid_to_gtimage*.json    video_id -> its right images
    ROOT/test_liveid_to_gallery*.json     live_id -> the images of its shelf
    ROOT/test_videoid_asr*.txt            video_id, ASR
    ROOT/test_image_title*.txt            image_id, title; most images have none
    ROOT/test_videoid_types*.txt          video_id, scale, duration and number type: not published,
                                          read where somebody has made it
    ROOT/frames, ROOT/images              pictures, see `models.data.downloads.find_pictures`
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from models.data.corpus import Corpus, CorpusItem, Shot, Speech
from models.data.downloads import find_pictures, parted, report_missing
from models.data.pictures import digest, picture_file
from models.data.tables import Place, find_file, find_files, id_lists, pairs, rows
from runtime.errors import ClipListError

CONDITIONS = ("scale", "duration", "number")
"""What the three types of a clip tell: product scale, visible duration, number of products."""

_CLIP = re.compile(r"(?P<live>.+)-(?P<start>\d+)-(?P<end>\d+)")
_LISTED = re.compile(r"[^\s,'\"\[\]()]+")


@dataclass(frozen=True)
class Lpr4m:
    """The data set in a folder; nothing is read before it is asked for."""

    root: Path

    def train(self, *, limit: int | None = None) -> Corpus:
        """Training clips: an item for every shop image, a shot for every clip.

        Clips of one image are right answers to it, not negatives: they share the item
        (publication B9).

        Args:
            limit: take only the first rows; all four million do not fit into memory.

        Raises:
            ClipListError: a file is missing, a row cannot be used, or a clip overlaps with a test
                clip of the same live room; names file and line.
        """
        files = find_files(self.root, "training_videoinfo", ".txt")
        items: dict[str, CorpusItem] = {}
        place: dict[str, int] = {}
        shots: dict[str, Shot] = {}
        absent: dict[str, None] = {}
        held = self._held()
        for where, cells in rows(files, 11, limit=limit):
            row = _Row(where, *cells)
            if row.clip in shots:
                raise where.error(f"video_id {row.clip} occurs twice")
            _check_apart(row, held)
            if row.image not in self._images:
                absent[row.image] = None
                continue
            if row.image not in items:
                place[row.image] = len(items)
                group = f"lpr4m/{row.category_id or row.image}"
                items[row.image] = self._item(row.image, row.title, row.category, group)
            shots[row.clip] = self._training_shot(row, place[row.image])
        report_missing("shop images", list(absent), "their clips are left out")
        used, lost = parted(shots.values())
        sentences = tuple((s.item, s.speech.heard) for s in used if s.speech.heard)
        made_of = digest("lpr4m", "train", limit, *files, len(self._frames), len(self._images))
        return Corpus(tuple(items.values()), used, sentences, made_of, lost=lost)

    def test(self) -> Corpus:
        """Test clips, each with the shelf of its live room as gallery.

        Raises:
            ClipListError: a file is missing or a record cannot be used, a clip's live room has no
                shelf, or an image of a shelf is missing: another shelf is another benchmark.
        """
        answers = find_file(self.root, "test_videoid_to_gtimage", ".json")
        gallery = find_file(self.root, "test_liveid_to_gallery", ".json")
        said = find_file(self.root, "test_videoid_asr", ".txt")
        named = find_file(self.root, "test_image_title", ".txt")
        right, shelves, heard, titles = (
            id_lists(answers),
            id_lists(gallery),
            pairs(said),
            pairs(named),
        )
        self._need_images(gallery, shelves)
        # An image that is right but on no shelf is an item, too; no clip can find it.
        keys = dict.fromkeys(i for some in (*shelves.values(), *right.values()) for i in some)
        place = {image: number for number, image in enumerate(keys)}
        items = [self._item(i, titles.get(i, ""), "", f"lpr4m/{i}") for i in keys]
        types, frames = self._types(), self._frames_by_clip
        shots = []
        for clip, images in right.items():
            live = _parsed(clip, Place(answers, f"record {clip}"))["live"]
            if live not in shelves:
                raise Place(answers, f"record {clip}").error(f"{gallery.name} has no live {live}")
            shots.append(
                Shot(
                    place[images[0]],
                    "clip",
                    tuple(map(picture_file, frames.get(clip, ()))),
                    key=clip,
                    also=tuple(place[image] for image in images[1:]),
                    speech=Speech(heard=heard.get(clip) or None),
                    split="test",
                    gallery=live,
                    conditions=types.get(clip, {}),
                )
            )
        used, lost = parted(shots)
        galleries = {live: tuple(place[i] for i in shelf) for live, shelf in shelves.items()}
        made_of = digest("lpr4m", "test", answers, gallery, said, named, len(self._frames))
        return Corpus(tuple(items), used, (), made_of, galleries, lost)

    @cached_property
    def _frames(self) -> dict[str, Path]:
        return find_pictures(self.root / "frames")

    @cached_property
    def _images(self) -> dict[str, Path]:
        return find_pictures(self.root / "images")

    @cached_property
    def _frames_by_clip(self) -> dict[str, list[Path]]:
        found: dict[str, list[tuple[int, Path]]] = {}
        for name, path in self._frames.items():
            clip, _, index = name.rpartition("-")
            if index.isdecimal():
                found.setdefault(clip, []).append((int(index), path))
        return {clip: [path for _, path in sorted(some)] for clip, some in found.items()}

    def _item(self, image: str, title: str, kind: str, group: str) -> CorpusItem:
        picture = picture_file(self._images.get(image, self.root / "images" / image))
        return CorpusItem(f"lpr4m/{image}", title, "", kind, group, picture)

    def _training_shot(self, row: _Row, item: int) -> Shot:
        there = [(second, self._frames[f]) for second, f in row.frames if f in self._frames]
        first = there[0][0] if there else 0
        return Shot(
            item,
            "clip",
            tuple(picture_file(path) for _, path in there),
            key=row.clip,
            times_s=tuple(float(second - first) for second, _ in there),
            speech=Speech(heard=row.heard or None),
            domain=row.category,
            conditions=dict(zip(CONDITIONS, (row.scale, row.duration, row.number), strict=True)),
        )

    def _types(self) -> dict[str, Mapping[str, str]]:
        files = sorted(self.root.glob("test_videoid_types*.txt"))
        found = rows(files, 1 + len(CONDITIONS))
        return {cells[0]: dict(zip(CONDITIONS, cells[1:], strict=True)) for _, cells in found}

    def _held(self) -> dict[str, list[tuple[int, int]]]:
        """Milliseconds from and to which each live room is kept for the test."""
        found: dict[str, list[tuple[int, int]]] = {}
        for file in sorted(self.root.glob("test_videoid_to_gtimage*.json")):
            for clip in id_lists(file):
                parts = _parsed(clip, Place(file, f"record {clip}"))
                found.setdefault(parts["live"], []).append((int(parts["start"]), int(parts["end"])))
        return found

    def _need_images(self, gallery: Path, shelves: Mapping[str, Sequence[str]]) -> None:
        absent = [i for shelf in shelves.values() for i in shelf if i not in self._images]
        if absent:
            raise ClipListError(
                f"{len(set(absent))} shop images of {gallery} are missing",
                why=f"the first is {absent[0]}, which is not below {self.root / 'images'}",
                fix="download them; results on smaller shelves do not compare",
            )


@dataclass(frozen=True)
class _Row:
    """One training row, in the order of its columns."""

    where: Place
    clip: str
    listed: str
    boxes: str
    image: str
    title: str
    category_id: str
    category: str
    heard: str
    scale: str
    duration: str
    number: str

    def __post_init__(self) -> None:
        _parsed(self.clip, self.where)
        if not self.image:
            raise self.where.error("image_id is empty")
        if not self.frames:
            raise self.where.error("it has no frames")

    @cached_property
    def frames(self) -> list[tuple[int, str]]:
        """(index, frame id), in order of index."""
        found = []
        for name in _LISTED.findall(self.listed):
            start, _, index = name.rpartition("-")
            if not index.isdecimal() or start not in ("", self.clip):
                raise self.where.error(f"{name} is not a frame of {self.clip}")
            found.append((int(index), f"{self.clip}-{index}"))
        return sorted(found)


def _check_apart(row: _Row, held: Mapping[str, Sequence[tuple[int, int]]]) -> None:
    parts = _parsed(row.clip, row.where)
    start, end = int(parts["start"]), int(parts["end"])
    if any(start < until and since < end for since, until in held.get(parts["live"], ())):
        raise row.where.error(f"{row.clip} overlaps with a test clip of its live room")


def _parsed(clip: str, where: Place) -> dict[str, str]:
    found = _CLIP.fullmatch(clip)
    if found is None or int(found["start"]) >= int(found["end"]):
        raise where.error(f"{clip!r} is not live_id-start-end with start before end")
    return found.groupdict()
