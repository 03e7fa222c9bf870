"""Batches made ready by threads while the network computes."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from models.training.trainer import Batches
from runtime.lifecycle import Closable

Drawn = TypeVar("Drawn")


class Prefetch(Closable, Generic[Drawn]):
    """Draws the next steps' batches beforehand; a batch is a function of its step, so none differs.

    Args:
        batches: whose pictures take time to load.
        workers: threads, and how many steps ahead; 0 draws when asked.
    """

    def __init__(self, batches: Batches[Drawn], workers: int) -> None:
        self._batches = batches
        self._workers = workers
        self._pool = ThreadPoolExecutor(max(1, workers), "batches")
        self._waiting: dict[int, Future[Drawn]] = {}

    def draw(self, step: int) -> Drawn:
        """The batch of a step."""
        ours = self._waiting.pop(step, None)
        for later in range(step + 1, step + 1 + self._workers):
            if later not in self._waiting:
                self._waiting[later] = self._pool.submit(self._batches.draw, later)
        return self._batches.draw(step) if ours is None else ours.result()

    def close(self) -> None:
        """Wait for the batches at hand and give up those that nobody will ask for."""
        self._pool.shutdown(cancel_futures=True)
        self._waiting.clear()
