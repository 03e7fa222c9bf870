"""Trains in child processes, each killed at its Nth step or change of a file.

Run as ``python -m tests.models.training.killed_training CONFIG DATA OUT N...``; a child for every N
trains into OUT/N/run. N of 0 is never killed; prints how many steps and changes that took.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch

import models.training.run  # noqa: F401 - loaded once, before the children
from models.commands import train
from models.training.trainer import Trainer

# As in the process that compares: bit for bit holds for an equal number of threads.
torch.set_num_threads(1)
CHANGES = {"open", "os.rename", "os.mkdir", "os.truncate"}
_advance = Trainer._advance


class Killer:
    """Counts, and kills its own process at the last count."""

    def __init__(self, last: int, out: Path) -> None:
        self.count = 0
        self._last = last
        self._out = str(out)

    def tick(self) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in CHANGES and str(arguments[0]).startswith(self._out):
            self.tick()

    def advance(self, trainer: Trainer) -> None:
        self.tick()
        _advance(trainer)


def _train(config: str, data: str, out: Path, last: int) -> None:
    killer = Killer(last, out)
    sys.addaudithook(killer.watch)
    Trainer._advance = lambda trainer: killer.advance(trainer)  # type: ignore[method-assign]
    arguments = ["--config", config, "--data", data, "--out", str(out / "run"), "--json"]
    train.main(arguments, standalone_mode=False)
    sys.stderr.write(f"{killer.count}\n")


if __name__ == "__main__":
    config, data, place, *kills = sys.argv[1:]
    for kill in kills:
        child = os.fork()
        if child == 0:
            _train(config, data, Path(place) / kill, int(kill))
            sys.stderr.flush()
            os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        wanted = 0 if int(kill) == 0 else -signal.SIGKILL
        if ended != wanted:
            sys.exit(f"killed at {kill}: ended with {ended}")
