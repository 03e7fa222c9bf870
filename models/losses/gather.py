"""The global batch of several processes, with gradients.

Every process gathers all vectors and computes the whole loss on them. Backward, the gradients of
all processes are summed and each keeps its own rows; the mean that DistributedDataParallel takes
over processes then gives exactly the gradient of one process on the same batch. That holds for
losses that cannot be cut by rows (graph, mining) and for counts that differ between processes.
Draws must come from generators of one seed, and every process must gather as many rows.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        return _all_rows(rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.contiguous().clone()
        dist.all_reduce(summed)
        return summed[own_rows(summed)]


def gather(rows: Tensor) -> Tensor:
    """Rows of all processes in the order of their ranks: [b, ...] -> [processes * b, ...].

    Gradients flow back. Without a process group these rows are all there are.
    """
    if not _several():
        return rows
    if rows.requires_grad:
        gathered: Tensor = _Gather.apply(rows)
        return gathered
    return _all_rows(rows)


def own_rows(gathered: Tensor) -> slice:
    """Where this process's rows are among the gathered ones."""
    if not _several():
        return slice(0, len(gathered))
    count = len(gathered) // dist.get_world_size()
    return slice(dist.get_rank() * count, (dist.get_rank() + 1) * count)


def _several() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _all_rows(rows: Tensor) -> Tensor:
    parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)
