"""One training run from data to checkpoint."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from models.backbones.tiny import tiny_tokenizer
from models.backbones.weights import minilm_folder
from models.config import PRESETS, NetworkConfig
from models.data import sources
from models.data.corpus import Corpus
from models.data.validation import grocery_validation
from models.sgmn import Sgmn, save_checkpoint
from models.training.bank import FeatureBank, build_bank, join
from models.training.config import TrainConfig
from models.training.curves import draw_curves
from models.training.distributed import World, joined_world
from models.training.episodes import BankBatches, EpisodeSampler
from models.training.folder import RunFolder, code_versions, git_state, write_json
from models.training.objective import SgmnObjective
from models.training.pixels import PixelBatches, numbered
from models.training.projection import PooledBatches, ProjectionObjective, trainer_config
from models.training.state import Standing
from models.training.trainer import Batches, Trainer, Validation
from models.training.validation import RetrievalValidation
from models.training.whitening import whiten
from runtime.machine import describe
from runtime.text import TextTokenizer

Progress = Callable[..., Iterable[Any]]


@dataclass(frozen=True)
class Data:
    """What a run learns from and is judged by.

    Attributes:
        corpora: trained on.
        validation: clips never trained on.
    """

    corpora: tuple[Corpus, ...]
    validation: Corpus

    @property
    def groups(self) -> list[str]:
        """Look-alike group of every product, the corpora one after the other."""
        return [item.group for corpus in self.corpora for item in corpus.items]

    @property
    def digests(self) -> dict[str, str]:
        """Digest of every corpus by its name."""
        every = (*self.corpora, self.validation)
        return {corpus.items[0].key.partition("/")[0]: corpus.digest for corpus in every}


def train(
    config: TrainConfig, data: Path, out: Path, progress: Progress, *, restart: bool = False
) -> Path:
    """Train a network; goes on where a former call with the same settings and data ended.

    Args:
        config: the run's settings.
        data: GroceryLPR's folder, the one that holds ``dev``.
        out: the run's folder; encoded features are kept in ``features`` beside it.
        progress: shows how far the work is.
        restart: begin anew, whatever is in the folder.

    Returns:
        The checkpoint.

    Raises:
        UsageError: the folder holds a run of other settings or data.
        TrainingError: the run cannot go on.
    """
    began, folder = time.monotonic(), RunFolder(out)
    known = Data(_corpora(config, data), grocery_validation(data))
    if not restart:
        folder.check(config.as_dict(), known.digests)
    with joined_world() as world:
        if world.first:
            if restart:
                folder.clear()
            folder.begin(config.as_dict(), known.digests)
        world.wait()
        network, standing = _trained(config, known, folder, world, progress)
        if world.first:
            _finish(folder, network, config, known, standing, world, began)
        world.wait()
    return folder.checkpoint


def fit(
    network: Sgmn,
    bank: FeatureBank,
    groups: Sequence[str],
    config: TrainConfig,
    folder: RunFolder,
    progress: Progress,
    *,
    world: World | None = None,
    validation: Validation | None = None,
    allowed: set[int] | None = None,
) -> Standing:
    """Train on encoded corpora: closed form, heads, projection.

    Args:
        network: changed in place.
        bank: features of all corpora.
        groups: look-alike group of every product.
        config: the run's settings.
        folder: begun.
        progress: shows how far the work is.
        world: the processes that train together.
        validation: chooses the weights of the heads.
        allowed: products that may be shown; all if None.

    Returns:
        How far the training of the heads came.
    """
    world = world or World()
    shown = set(range(len(groups))) if allowed is None else allowed
    set_closed_form(network, bank, config, shown)
    world.share(network.state_dict().values())
    sampler = _sampler(bank.shots, bank.said.tolist(), groups, network.config, config, shown)
    batches = BankBatches(bank, sampler, world)
    standing = fit_heads(network, batches, config, folder, progress, world, validation)
    fit_projection(network, bank, groups, config, folder, progress, world, shown)
    return standing


def set_closed_form(
    network: Sgmn, bank: FeatureBank, config: TrainConfig, allowed: set[int]
) -> None:
    """Set what needs no gradients, anew at each call: it takes seconds."""
    projection = network.shared.projection
    device = projection.linear.weight.device
    whiten(projection.cpu(), bank, allowed, config.shrink)
    projection.to(device)


def fit_heads(
    network: Sgmn,
    batches: Batches[Any],
    config: TrainConfig,
    folder: RunFolder,
    progress: Progress,
    world: World,
    validation: Validation | None,
) -> Standing:
    """Train on episodes, from features or from pixels.

    With the projection as it is: once that knows the training products by heart, the re-ranker
    would learn to trust pictures more than it may on new ones.
    """
    if config.train.steps == 0:
        return Standing()
    trainer = Trainer(
        SgmnObjective(network, config, world),
        batches,
        config.train,
        folder.heads,
        seed=config.seed,
        world=world,
        validation=validation,
    )
    return trainer.run(progress, "Heads")


def fit_projection(
    network: Sgmn,
    bank: FeatureBank,
    groups: Sequence[str],
    config: TrainConfig,
    folder: RunFolder,
    progress: Progress,
    world: World,
    allowed: set[int],
) -> None:
    """Train the projection and go part of the way."""
    if config.projection.steps == 0:
        return
    frames = network.config.frames
    objective = ProjectionObjective(network.shared.projection, config.projection.dropout)
    batches = PooledBatches(
        bank, groups, config.projection, frames=frames, seed=config.seed, allowed=allowed
    )
    trainer = Trainer(
        objective,
        batches,
        trainer_config(config.projection),
        folder.projection,
        seed=config.seed,
        world=world,
    )
    trainer.run(progress, "Projection")
    objective.go(config.projection.keep)


def _trained(
    config: TrainConfig, data: Data, folder: RunFolder, world: World, progress: Progress
) -> tuple[Sgmn, Standing]:
    torch.manual_seed(config.seed)
    network = Sgmn(PRESETS[config.preset]).eval()
    network.load_pretrained()
    network.requires_grad_(False)
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    if config.encoders.train:
        return network, _fit_pixels(network, config, data, folder, world, progress)
    # The first process encodes, the others read what it kept.
    if not world.first:
        world.wait()
    cache = folder.path.parent / "features"
    banks = [_encoded(c, network, cache, progress) for c in (*data.corpora, data.validation)]
    if world.first:
        world.wait()
    validation = RetrievalValidation(network, lambda: banks[-1])
    bank, groups = join(banks[:-1]), data.groups
    return network, fit(
        network, bank, groups, config, folder, progress, world=world, validation=validation
    )


def _fit_pixels(
    network: Sgmn,
    config: TrainConfig,
    data: Data,
    folder: RunFolder,
    world: World,
    progress: Progress,
) -> Standing:
    world.share(network.state_dict().values())
    shots, said = numbered(data.corpora)
    sampler = _sampler(shots, said, data.groups, network.config, config, None)
    tokenizer = _tokenizer(network.config)
    batches = PixelBatches(data.corpora, sampler, tokenizer, network.config, world)

    def bank() -> FeatureBank:
        with TemporaryDirectory() as cache:
            return _encoded(data.validation, network, Path(cache), _silent)

    validation = RetrievalValidation(network, bank)
    return fit_heads(network, batches, config, folder, progress, world, validation)


def _sampler(
    shots: Sequence[tuple[int, str, tuple[int, ...]]],
    said: Sequence[int],
    groups: Sequence[str],
    network: NetworkConfig,
    config: TrainConfig,
    allowed: set[int] | None,
) -> EpisodeSampler:
    return EpisodeSampler(
        shots,
        said,
        groups,
        frames=network.frames,
        batch=config.train.batch,
        seed=config.seed,
        config=config.episodes,
        allowed=allowed,
    )


def _finish(
    folder: RunFolder,
    network: Sgmn,
    config: TrainConfig,
    data: Data,
    standing: Standing,
    world: World,
    began: float,
) -> None:
    notes = {
        "config": config.as_dict(),
        "seed": config.seed,
        "data": data.digests,
        "git": git_state(),
        "versions": code_versions(),
        "best_step": standing.best_step,
        "best_figure": standing.best_figure,
        "steps": standing.step,
    }
    draw_curves(folder)
    # Times and machine are not in the checkpoint, so that equal runs give equal files.
    save_checkpoint(folder.checkpoint, network.cpu(), notes)
    cost = {
        "machine": describe(),
        "processes": world.size,
        "threads": torch.get_num_threads(),
        "training_seconds": round(standing.seconds, 1),
        "last_call_seconds": round(time.monotonic() - began, 1),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "peak_gpu_memory_bytes": _gpu_memory(),
    }
    write_json(folder.path / "run.json", {**notes, **cost})


def _gpu_memory() -> int | None:
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None


def _corpora(config: TrainConfig, data: Path) -> tuple[Corpus, ...]:
    wanted = config.data
    real = sources.grocery(data, tiers=wanted.clip_tiers, staged=wanted.staged)
    stores = [
        sources.synthetic(seed, views=wanted.store_views, takes=wanted.store_takes)
        for seed in wanted.stores
    ]
    return (real, *stores)


def _encoded(corpus: Corpus, network: Sgmn, cache: Path, progress: Progress) -> FeatureBank:
    return build_bank(corpus, network, _tokenizer(network.config), cache, progress)


def _tokenizer(config: NetworkConfig) -> TextTokenizer:
    if config.preset == "tiny":
        return TextTokenizer(tiny_tokenizer(config.text_tokens))
    return TextTokenizer.load(minilm_folder() / "tokenizer.json", config.text_tokens)


def _silent(items: Iterable[Any], **_: Any) -> Iterable[Any]:
    return items
