"""MovingFashion: videos of people in a garment and its shop image; no text at all.

Spec section 1.3. ``train.json`` and ``test.json`` hold a record a product: ``img_path``,
``video_paths`` and ``source`` (1 Regular, 0 Hard), paths relative to the folder. Both an object of
records and a list of them are read. An item is an image: products that share one are one item. A
query is a product with one of its videos, as the published counts have it; where a video shows
several products each of them is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from models.data.corpus import Corpus, CorpusItem, Picture, Shot
from models.data.downloads import parted, report_missing
from models.data.leaks import check_apart
from models.data.pictures import VideoPictures, digest, picture_file
from models.data.tables import Place, read_json
from runtime.errors import ClipListError

SOURCES = {0: "hard", 1: "regular"}


@dataclass(frozen=True)
class _Record:
    name: str
    image: str
    videos: tuple[str, ...]
    source: str


def moving_fashion(
    root: Path, split: Literal["train", "test"], *, limit: int | None = None
) -> Corpus:
    """One split; its galleries are ``regular`` and ``hard``, each the images of that source.

    A video that is missing leaves its query in `Corpus.lost`. Videos are decoded at one picture a
    second when they are asked for.

    Args:
        root: the folder that holds the two files, images and videos.
        split: ``train`` is refused where one of its videos occurs in the test as well.
        limit: take only the first records.

    Raises:
        ClipListError: a file is missing, a record cannot be used, an image of the test is missing,
            or a video is in both splits.
    """
    file = root / f"{split}.json"
    records = list(_records(file))[:limit]
    if split == "train" and (root / "test.json").is_file():
        check_apart(_there(root, records), _there(root, list(_records(root / "test.json"))))
    records = _with_images(root, file, records, split)
    images = dict.fromkeys(record.image for record in records)
    place = {image: i for i, image in enumerate(images)}
    shown: dict[str, dict[int, None]] = {}
    galleries: dict[str, dict[int, None]] = {name: {} for name in SOURCES.values()}
    for record in records:
        galleries[record.source][place[record.image]] = None
        for video in record.videos:
            shown.setdefault(video, {})[place[record.image]] = None
    shots, lost = parted(
        Shot(
            place[record.image],
            "clip",
            _pictures(root / video),
            key=f"{record.name}/{video}",
            also=tuple(i for i in shown[video] if i != place[record.image]),
            split=split,
            gallery=record.source,
            conditions={"source": record.source},
        )
        for record in records
        for video in record.videos
    )
    items = tuple(
        CorpusItem(f"movingfashion/{i}", "", "", "", f"movingfashion/{i}", picture_file(root / i))
        for i in images
    )
    shelves = {name: tuple(shelf) for name, shelf in galleries.items()}
    made_of = digest("movingfashion", split, limit, file, len(shots))
    return Corpus(items, shots, (), made_of, shelves, lost)


def _records(file: Path) -> Iterator[_Record]:
    value = read_json(file)
    if not isinstance(value, dict | list):
        raise Place(file, "line 1").error("it is neither an object nor a list of records")
    named = value.items() if isinstance(value, dict) else enumerate(value)
    for name, fields in named:
        yield _record(Place(file, f"record {name}"), str(name), fields)


def _record(where: Place, name: str, fields: Any) -> _Record:
    if not isinstance(fields, dict):
        raise where.error("it is not an object")
    image, videos, source = (fields.get(k) for k in ("img_path", "video_paths", "source"))
    if not isinstance(image, str) or not image:
        raise where.error("img_path is missing")
    if not isinstance(videos, list) or not videos or not all(isinstance(v, str) for v in videos):
        raise where.error("video_paths is not a list of paths")
    if not isinstance(source, int) or isinstance(source, bool) or source not in SOURCES:
        raise where.error(f"source is {source!r}, neither 1 (Regular) nor 0 (Hard)")
    return _Record(name, image, tuple(dict.fromkeys(videos)), SOURCES[source])


def _with_images(
    root: Path, file: Path, records: list[_Record], split: Literal["train", "test"]
) -> list[_Record]:
    """Training goes on without a product whose image is missing; a test would be another one."""
    absent = list(dict.fromkeys(r.image for r in records if not (root / r.image).is_file()))
    if absent and split == "test":
        raise ClipListError(
            f"{len(absent)} images of {file} are missing, the first is {absent[0]}",
            why="every image belongs to the gallery",
            fix="restore them; results on a smaller gallery do not compare",
        )
    report_missing("images", absent, "their products are left out")
    return [record for record in records if record.image not in set(absent)]


def _there(root: Path, records: list[_Record]) -> list[Path]:
    every = {root / video for record in records for video in record.videos}
    return [path for path in every if path.is_file()]


def _pictures(video: Path) -> VideoPictures | tuple[Picture, ...]:
    return VideoPictures(video) if video.is_file() else ()
