"""What a run learns from and is judged by, as its settings want it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.data import sources
from models.data.corpus import Corpus
from models.data.holdout import hold_out, unambiguous
from models.data.lpr4m import Lpr4m
from models.data.moving_fashion import moving_fashion
from models.data.validation import grocery_validation
from models.training.config import DataConfig
from runtime.errors import ClipListError


@dataclass(frozen=True)
class Data:
    """What a run learns from and is judged by.

    Attributes:
        corpora: trained on.
        validation: clips never trained on, or None.
    """

    corpora: tuple[Corpus, ...]
    validation: Corpus | None

    @property
    def groups(self) -> list[str]:
        """Look-alike group of every product, the corpora one after the other."""
        return [item.group for corpus in self.corpora for item in corpus.items]

    @property
    def digests(self) -> dict[str, str]:
        """Digest of every corpus by its name."""
        found = {c.items[0].key.partition("/")[0]: c.digest for c in self.corpora}
        return found | ({"validation": self.validation.digest} if self.validation else {})


def read_data(config: DataConfig, root: Path, seed: int) -> Data:
    """Read the data set and whatever is shown beside it; no picture is opened.

    Args:
        config: what is wanted.
        root: the data set's folder.
        seed: of the choice of products held back.

    Raises:
        ClipListError: the data set cannot be used, or holds nothing to train on.
        FeedError: a catalog cannot be read.
    """
    real, validation = (
        _grocery(config, root) if config.format == "grocery" else _held_out(config, root, seed)
    )
    stores = [
        sources.synthetic(one, views=config.store_views, takes=config.store_takes)
        for one in config.stores
    ]
    return Data((*real, *stores), validation)


def _grocery(config: DataConfig, root: Path) -> tuple[tuple[Corpus, ...], Corpus]:
    corpora = [sources.grocery(root, tiers=config.clip_tiers, staged=config.staged)]
    if config.fashion:
        grounds = sources.training_photos(root)
        folder = Path(config.fashion)
        corpora.append(sources.fashion(folder, grounds, staged=config.fashion_staged))
    return tuple(corpora), grocery_validation(root)


def _held_out(
    config: DataConfig, root: Path, seed: int
) -> tuple[tuple[Corpus, ...], Corpus | None]:
    """A data set without validation clips, of which whole products are held back for them."""
    limit = config.limit or None
    if config.format == "lpr4m":
        whole = Lpr4m(root).train(limit=limit)
    else:
        whole = moving_fashion(root, "train", limit=limit)
    rest, judged = hold_out(unambiguous(whole), config.validation, seed)
    if not rest.shots:
        raise ClipListError(
            f"there is nothing to train on in {root}",
            why=f"of {len(whole.items)} products and {len(whole.shots)} clips none is left",
            fix="restore pictures or videos, or lower `validation` in [data]",
        )
    return (rest,), judged if judged.shots else None
