"""Several processes training one network: what each may know of the others.

Every process draws the same batch and encodes its own part of it. Vectors are gathered with their
gradients, so that each computes the loss of the whole batch, and the gradients' mean is that of one
process on the same batch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

# Loaded now, while there is no group: default arguments in it keep the group that they find alive,
# and a group that outlives `destroy_process_group` may abort the program at its exit.
import torch.distributed.nn.functional
from torch import Tensor, nn

from models.losses.gather import gather
from runtime.errors import TrainingError

PATIENCE = timedelta(hours=12)
"""The others wait while the first process encodes the corpora; a dead one is noticed at once."""

_LOST = re.compile(r"gloo|nccl|connection|peer", re.IGNORECASE)
"""Gloo tells of lost processes by plain runtime errors."""


@dataclass(frozen=True)
class World:
    """The processes of a run; alone by default.

    Attributes:
        rank: number of this process; 0 writes the files.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """This is the process that writes."""
        return self.rank == 0

    def part(self, count: int) -> slice:
        """This process's rows of a batch of ``count``."""
        return _part(count, self.rank, self.size)

    def gather(self, own: Tensor, count: int) -> Tensor:
        """All rows [count, ...] from every process's own part [n, ...], gradients included."""
        if self.size == 1:
            return own
        # Parts may differ by a row, and a collective wants them equal.
        most = -(-count // self.size)
        padded = torch.cat([own, own.new_zeros(most - len(own), *own.shape[1:])])
        with self.alive():
            parts = gather(padded).split(most)
        sizes = (_part(count, rank, self.size) for rank in range(self.size))
        return torch.cat([p[: s.stop - s.start] for p, s in zip(parts, sizes, strict=True)])

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Within the block the end of another process is told as such.

        Raises:
            TrainingError: another process has ended or cannot be reached.
        """
        if self.size == 1:
            yield
            return
        with _others_alive():
            yield

    def mean_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every parameter the mean of its gradients over the processes, in place."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        if self.size == 1 or not gradients:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        with self.alive():
            dist.all_reduce(flat)
        means = (flat / self.size).split([gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the first one's tensors, in place."""
        if self.size > 1:
            with self.alive(), torch.no_grad():
                for tensor in tensors:
                    dist.broadcast(tensor.detach(), 0)

    def agreed(self, value: float) -> float:
        """The first process's value, on all."""
        found = torch.tensor(value, dtype=torch.float64, device=_device())
        self.share([found])
        return float(found)

    def any(self, flag: bool) -> bool:
        """Whether any process says so."""
        if self.size == 1:
            return flag
        found = torch.tensor(float(flag), device=_device())
        with self.alive():
            dist.all_reduce(found)
        return bool(found > 0)

    def wait(self) -> None:
        """Until every process has come here."""
        self.any(False)


@contextmanager
def joined_world() -> Iterator[World]:
    """The processes that ``torchrun`` started; this one alone without it.

    Raises:
        TrainingError: the others cannot be reached.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    with _others_alive():
        dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield World(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def speaks() -> bool:
    """Whether this process of several is the one to show progress and results."""
    return os.environ.get("RANK", "0") == "0"


def _part(count: int, rank: int, size: int) -> slice:
    return slice(count * rank // size, count * (rank + 1) // size)


def _device() -> torch.device:
    nccl = dist.is_initialized() and dist.get_backend() == "nccl"
    return torch.device("cuda" if nccl else "cpu")


@contextmanager
def _others_alive() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and not _LOST.search(str(error)):
            raise
        raise TrainingError(
            "another process of this run has ended or cannot be reached",
            why=str(error).splitlines()[0],
            fix="see its own error; the same torchrun command goes on from the last state",
        ) from error
