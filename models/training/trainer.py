"""The engine: steps, averages, validation, states to go on from. It knows no network.

What it trains is an `Objective`, what it shows are `Batches`, what it strives for is a
`Validation`. A step depends on the weights, the seed and its own number only, so that a run that
was killed goes on from its last state to the same weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from models.training.config import TrainerConfig
from models.training.distributed import World
from models.training.ema import Ema, copied, put
from models.training.interrupts import noted_interrupts
from models.training.log import CsvLog
from models.training.optimiser import Group, adamw, moments, rate_at, restore_moments, set_rate
from models.training.precision import Precision
from models.training.state import Standing, load_state, save_state
from runtime.errors import TrainingError

Progress = Callable[..., Iterable[Any]]
Batch = TypeVar("Batch")
Shown = TypeVar("Shown", contravariant=True)
Drawn = TypeVar("Drawn", covariant=True)


class Objective(Protocol[Shown]):
    """What is trained, and towards what."""

    def groups(self) -> Sequence[Group]:
        """Parameters to train."""

    def loss(self, batch: Shown) -> Mapping[str, Tensor]:
        """Scalars to log, among them ``total``, which is minimised."""


class Batches(Protocol[Drawn]):
    """What is shown."""

    def draw(self, step: int) -> Drawn:
        """The batch of a step: the same whenever it is drawn."""


class Validation(Protocol):
    """How good the weights are now."""

    def __call__(self) -> Mapping[str, float]:
        """Figures to log, among them ``figure``, of which more is better."""


@dataclass(frozen=True)
class Files:
    """Where a training leaves what it writes.

    Attributes:
        log: losses, a line a step.
        validation: figures, a line a validation.
        state: what a killed run goes on from.
    """

    log: Path
    validation: Path
    state: Path


class Trainer:
    """One training.

    Args:
        objective: its parameters are changed in place.
        batches: draws what is shown.
        config: how.
        files: their folders must exist.
        seed: of dropout and whatever else the objective draws from torch.
        world: the processes that train together.
        validation: chooses the weights to keep; without it they are the last.
    """

    def __init__(
        self,
        objective: Objective[Batch],
        batches: Batches[Batch],
        config: TrainerConfig,
        files: Files,
        *,
        seed: int,
        world: World | None = None,
        validation: Validation | None = None,
    ) -> None:
        groups = objective.groups()
        self._objective = objective
        self._batches = batches
        self._config = config
        self._files = files
        self._seed = seed
        self._world = world or World()
        self._validation = validation if config.validate_every else None
        self._parameters = {n: p for group in groups for n, p in group.parameters.items()}
        self._optimiser = adamw(groups, config)
        self._precision = Precision(config.precision, next(iter(self._parameters.values())).device)
        self._ema = Ema(self._parameters, config.ema)
        self._best: dict[str, Tensor] = {}
        self._standing = Standing()
        self._log, self._figures = CsvLog(files.log), CsvLog(files.validation)

    def run(self, progress: Progress, label: str) -> Standing:
        """Train from the last state on and put the best averaged weights in place.

        Raises:
            TrainingError: the loss is not finite, the state is damaged, or another process ended.
            KeyboardInterrupt: after Ctrl-C or SIGTERM, once the state is kept.
        """
        self._resume()
        start, end = self._standing.step, self._config.steps
        try:
            with noted_interrupts() as interrupts:
                if start == 0:
                    self._validate()
                for _ in progress(range(start, end), label=label, total=end - start):
                    if self._given_up():
                        break
                    self._advance()
                    stopped = self._world.any(interrupts.came)
                    if stopped or self._due(self._config.save_every):
                        self._save()
                    if stopped:
                        raise KeyboardInterrupt
        finally:
            self._log.close()
            self._figures.close()
        put(self._parameters, self._best or self._ema.tensors)
        return self._standing

    def _advance(self) -> None:
        began, step = time.monotonic(), self._standing.step
        row = self._step(step)
        self._standing = replace(self._standing, step=step + 1)
        if self._world.first:
            self._log.write(row)
        if self._due(self._config.validate_every):
            self._validate()
        spent = self._standing.seconds + time.monotonic() - began
        self._standing = replace(self._standing, seconds=spent)

    def _step(self, step: int) -> dict[str, float]:
        torch.manual_seed(_step_seed(self._seed, step))
        rate = rate_at(step, self._config)
        set_rate(self._optimiser, rate)
        self._optimiser.zero_grad(set_to_none=True)
        with self._precision.autocast():
            parts = self._objective.loss(self._batches.draw(step))
        with self._world.alive():
            self._precision.backward(parts["total"])
        self._world.mean_gradients(self._parameters.values())
        self._precision.unscale(self._optimiser)
        norm = nn.utils.clip_grad_norm_(
            self._parameters.values(), self._config.clip or float("inf")
        )
        row = {"step": step, "rate": rate, **{n: p.item() for n, p in parts.items()}}
        row["norm"] = norm.item()
        self._need_finite(row)
        self._precision.step(self._optimiser)
        self._ema.update(step)
        return row

    def _need_finite(self, row: Mapping[str, float]) -> None:
        # Scaled gradients may overflow: that step is skipped and the scale lowered.
        checked = [n for n in row if not (n == "norm" and self._precision.scaled)]
        wrong = [name for name in checked if not np.isfinite(row[name])]
        if wrong:
            raise TrainingError(
                f"step {row['step']} gave a loss or gradient that is not finite",
                why=f"not finite: {', '.join(wrong)}",
                fix="lower `rate` in [train], or look for damaged pictures in the data",
            )

    def _validate(self) -> None:
        if self._validation is None:
            return
        with self._ema.in_place():
            found = self._validation()
        standing, figure = self._standing, self._world.agreed(found["figure"])
        if standing.best_figure is None or figure > standing.best_figure:
            self._best = copied(self._ema.tensors)
            standing = replace(standing, best_step=standing.step, best_figure=figure, misses=0)
        else:
            standing = replace(standing, misses=standing.misses + 1)
        self._standing = standing
        if self._world.first:
            self._figures.write({"step": standing.step, **found})

    def _given_up(self) -> bool:
        return 0 < self._config.patience <= self._standing.misses

    def _due(self, every: int) -> bool:
        """Whether something that happens every so many steps, and at the end, is due."""
        step = self._standing.step
        return bool(every) and (step % every == 0 or step == self._config.steps)

    def _save(self) -> None:
        if not self._world.first:
            return
        # The log first: a state must never know of steps that the log does not.
        self._log.flush()
        self._figures.flush()
        self._standing = replace(self._standing, scaler=self._precision.facts())
        groups: dict[str, Mapping[str, Tensor]] = {
            "weights": self._parameters,
            "averages": self._ema.tensors,
            "best": self._best,
            "moments": moments(self._optimiser, self._parameters),
        }
        save_state(self._files.state, self._standing, groups)

    def _resume(self) -> None:
        self._world.share(self._parameters.values())
        if self._files.state.exists():
            self._standing, groups = load_state(self._files.state)
            self._need_same_parameters(groups["weights"])
            put(self._parameters, groups["weights"])
            put(self._ema.tensors, groups["averages"])
            self._best = groups.get("best", {})
            restore_moments(self._optimiser, self._parameters, groups.get("moments", {}))
            self._precision.restore(self._standing.scaler)
        else:
            put(self._ema.tensors, self._parameters)
        self._world.wait()
        if self._world.first:
            self._log.rewind(self._standing.step)
            # A validation's line has the number of steps done before it.
            self._figures.rewind(self._standing.step + 1 if self._standing.step else 0)

    def _need_same_parameters(self, kept: Mapping[str, Tensor]) -> None:
        ours = {name: p.shape for name, p in self._parameters.items()}
        wrong = sorted(dict(ours.items() ^ {n: t.shape for n, t in kept.items()}.items()))
        if wrong:
            raise TrainingError(
                f"the kept state {self._files.state} is of another network",
                why=f"missing, superfluous or of another shape: {wrong[:3]} ({len(wrong)} in all)",
                fix="begin anew with --restart",
            )


def _step_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> 1)
