"""The stages of a run once its data is known: closed form, heads, projection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.sgmn import Sgmn
from models.training.bank import FeatureBank
from models.training.closed_form import CameraPictures, remember, set_closed_form
from models.training.config import TrainConfig
from models.training.distributed import World
from models.training.episodes import BankBatches, EpisodeSampler, Shots
from models.training.folder import RunFolder
from models.training.objective import SgmnObjective
from models.training.projection import PooledBatches, ProjectionObjective, trainer_config
from models.training.state import Standing
from models.training.trainer import Batches, Trainer, Validation

Progress = Callable[..., Iterable[Any]]


@dataclass(frozen=True)
class Run:
    """What every stage needs.

    Attributes:
        network: changed in place.
        config: the run's settings.
        folder: begun.
        progress: shows how far the work is.
        world: the processes that train together.
    """

    network: Sgmn
    config: TrainConfig
    folder: RunFolder
    progress: Progress
    world: World = field(default_factory=World)


def fit(
    run: Run,
    bank: FeatureBank,
    groups: Sequence[str],
    *,
    validation: Validation | None = None,
    allowed: set[int] | None = None,
) -> Standing:
    """Train on encoded corpora.

    Args:
        run: whose network to train.
        bank: features of all corpora.
        groups: look-alike group of every product.
        validation: chooses the weights of the heads.
        allowed: products that may be shown; all if None.

    Returns:
        How far the training of the heads came.
    """
    shown = set(range(len(groups))) if allowed is None else allowed
    set_start(run, bank, shown)
    run.world.share(run.network.state_dict().values())
    drawn = sampler(run, bank.shots, bank.said.tolist(), groups, shown)
    standing = fit_heads(run, BankBatches(bank, drawn, run.world), validation)
    fit_projection(run, bank, groups, shown)
    fill_memory(run, bank, shown)
    return standing


def set_start(run: Run, bank: FeatureBank, allowed: set[int]) -> None:
    """Set what needs no gradients, anew at each call: it takes seconds."""
    config = run.config.closed_form
    for _ in run.progress(range(1), label="Closed form", total=1):
        on_processor(run, lambda: set_closed_form(run.network, bank, allowed, config))


def fill_memory(run: Run, bank: FeatureBank, allowed: set[int]) -> None:
    """The last stage: the item memory agrees with the features and the projection as they end."""
    config = run.config.closed_form
    if config.remember:
        seen = CameraPictures.of(bank, allowed)
        on_processor(run, lambda: remember(run.network, bank, seen, config))


def on_processor(run: Run, work: Callable[[], None]) -> None:
    """Do something with the network while it is there, where features are."""
    device = run.network.shared.projection.linear.weight.device
    run.network.cpu()
    work()
    run.network.to(device)


def fit_heads(run: Run, batches: Batches[Any], validation: Validation | None) -> Standing:
    """Train on episodes, from features or from pixels.

    With the projection as it is: once that knows the training products by heart, the re-ranker
    would learn to trust pictures more than it may on new ones.
    """
    if run.config.train.steps == 0:
        return Standing()
    trainer = Trainer(
        SgmnObjective(run.network, run.config, run.world),
        batches,
        run.config.train,
        run.folder.heads,
        seed=run.config.seed,
        world=run.world,
        validation=validation,
    )
    return trainer.run(run.progress, "Heads")


def fit_projection(run: Run, bank: FeatureBank, groups: Sequence[str], allowed: set[int]) -> None:
    """Train the projection and go part of the way."""
    config, network = run.config.projection, run.network
    if config.steps == 0:
        return
    objective = ProjectionObjective(network.shared.projection, config.dropout)
    batches = PooledBatches(
        bank,
        groups,
        config,
        frames=network.config.frames,
        seed=run.config.seed,
        allowed=allowed,
    )
    trainer = Trainer(
        objective,
        batches,
        trainer_config(config),
        run.folder.projection,
        seed=run.config.seed,
        world=run.world,
    )
    trainer.run(run.progress, "Projection")
    objective.go(config.keep)


def sampler(
    run: Run, shots: Shots, said: Sequence[int], groups: Sequence[str], allowed: set[int] | None
) -> EpisodeSampler:
    """Episodes as the settings want them."""
    return EpisodeSampler(
        shots,
        said,
        groups,
        frames=run.network.config.frames,
        batch=run.config.train.batch,
        seed=run.config.seed,
        config=run.config.episodes,
        allowed=allowed,
    )
