"""What every plan is asked: the same clips, catalogs and questions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from calibration.measurement.store import digest_of
from models.data.clip import Clip
from models.data.grocery_lpr import read_clips
from models.evaluation.gallery import ENROLLED_SPLITS, Stock
from models.evaluation.prediction import Question
from runtime.bundle.files import file_digest
from runtime.catalog.catalog import Item
from runtime.catalog.feed import read_feed
from runtime.catalog.photos import read_photo_list
from runtime.errors import ClipListError

QUESTIONS = tuple(
    Question(tier, modality) for tier in ("L0", "L3") for modality in ("fused", "image")
)
"""Easy and hard clips, with and without speech."""


@dataclass(frozen=True)
class Exam:
    """Clips, catalogs and questions.

    Attributes:
        manifest: labelled clips, a line a clip.
        root: the folder that photo paths are relative to.
        stock: what the catalog is made of; with photos to enrol, every question is asked of the
            catalog without them and of the catalog with them.
        questions: asked of each clip.
    """

    manifest: Path
    root: Path
    stock: Stock
    questions: tuple[Question, ...] = QUESTIONS

    @cached_property
    def clips(self) -> list[Clip]:
        """The clips.

        Raises:
            ClipListError: a line or a photo cannot be used, or a clip has no label or shows what is
                not in the catalog.
        """
        clips = read_clips(self.manifest, self.root)
        unlabelled = [clip for clip in clips if clip.product_id is None]
        if unlabelled:
            raise self._unfit(unlabelled, "name no product", "give clips with labels")
        strangers = [clip for clip in clips if clip.product_id not in self.items]
        if strangers:
            fix = "give the --catalog that belongs to the clips"
            raise self._unfit(strangers, "show a product that is not in the catalog", fix)
        return clips

    def _unfit(self, clips: Sequence[Clip], why: str, fix: str) -> ClipListError:
        told = f"{len(clips)} clips {why}, the first is {clips[0].clip_id}"
        return ClipListError(f"{self.manifest} cannot be measured with", why=told, fix=fix)

    @cached_property
    def items(self) -> dict[str, Item]:
        """The products of all feeds by id.

        Raises:
            FeedError: a feed cannot be used.
        """
        return {row.item.id: row.item for feed in self.stock.feeds for row in read_feed(feed)}

    @property
    def answers(self) -> int:
        """How many answers there are to all questions, of one catalog or of both."""
        return len(self.clips) * len(self.questions) * len(self.stocks())

    def stocks(self) -> tuple[Stock, ...]:
        """Without photos and, where there are some to enrol, with them."""
        plain = replace(self.stock, enrol=None)
        return (plain,) if self.stock.enrol is None else (plain, self.stock)

    @cached_property
    def without_photos(self) -> Exam:
        """The questions of the catalog without photos, which a search can afford."""
        return replace(self, stock=self.stocks()[0])

    @cached_property
    def digests(self) -> dict[str, str]:
        """Hex SHA-256 of clips, catalog, enrolled photos and questions, contents and all."""
        photos = sorted({p for clip in self.clips for p in _photos(clip)})
        found = {
            "clips": digest_of(
                [file_digest(self.manifest), *(file_digest(self.root / photo) for photo in photos)]
            ),
            "catalog": digest_of(
                [file_digest(feed) for feed in self.stock.feeds]
                + [file_digest(item.image) for item in self.items.values()]
            ),
            "questions": digest_of([asdict(question) for question in self.questions]),
        }
        if self.stock.enrol is not None:
            listed = read_photo_list(self.stock.enrol, ENROLLED_SPLITS)
            digests = [photo.read().digest for photo in listed]
            found["enrolled"] = digest_of([file_digest(self.stock.enrol), *digests])
        return found


def _photos(clip: Clip) -> Iterable[str]:
    return (photo for frames in clip.tiers.values() for f in frames for photo in f.photos)
