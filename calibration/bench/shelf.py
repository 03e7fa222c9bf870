"""One query at a shelf of preset ``b32``: ours against the release's own procedure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from calibration.bench.alternative import Call
from calibration.bench.harness import StepHarness
from calibration.bench.material import Material
from calibration.bench.paired import Rounds, Series, Watch, measure
from calibration.bench.release.network import ReleaseNetwork
from calibration.bench.release.query import ReleaseQuery, Sampled
from runtime.catalog.catalog import CatalogReader
from runtime.engines.settings import EngineSettings
from runtime.machine import memory_bytes
from runtime.network import Network

PRESET = "b32"
MEMORY_BYTES = 4_000_000_000
"""Export in torch and ONNX at once takes most of it."""

WHOLE_ROUNDS = 3
OURS_IN_WHOLE = 10
"""Runs of ours beside each whole query of the release."""


@dataclass(frozen=True)
class Sides:
    """Both procedures, ready to be timed.

    Attributes:
        ours: a step with a full ring, and a whole clip.
        release: what the release does.
    """

    ours: tuple[Call, ...]
    release: ReleaseQuery


@contextmanager
def sides(
    material: Material, catalog: CatalogReader, *, threads: int, seed: int
) -> Iterator[Sides]:
    """Open both on one encoder; torch's threads are those of `limited_threads`.

    Args:
        material: of preset ``b32``; only its FP32 bundle takes part.
        catalog: open, the shelf with vectors of its sizes.
        threads: of our submodules.
        seed: of pictures, and of the release's weights.
    """
    config = material.network.config
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        network = ReleaseNetwork(material.network.frame_encoder, config.token_size, config.frames)
    release = ReleaseQuery(network.eval(), config.image_size, config.frames, seed)
    with StepHarness(
        Network.open(material.fp32, EngineSettings(threads=threads)), catalog, seed=seed
    ) as harness:
        ours = (Call("fp32_step", harness.step, 2), Call("fp32_clip", harness.clip))
        yield Sides(ours, release)


def sampled_query(
    found: Sides, sampled: Sampled, rounds: Rounds, watch: Watch
) -> dict[str, Series]:
    """Time parts of the release's query and scale them; ``release_query`` is the sum."""
    series = measure([*found.ours, *found.release.parts(sampled)], rounds, watch=watch)
    return {**series, "release_query": sampled.total(series, "release_query")}


def whole_query(found: Sides, shelf: int, seed: int, watch: Watch) -> dict[str, Series]:
    """Time the release's query in full; minutes. `sampled_query` before it warms up."""
    items = found.release.shelf(shelf)
    query = Call("release_query", lambda _: found.release.whole(items))
    ours = [replace(one, repeats=OURS_IN_WHOLE) for one in found.ours]
    return measure([*ours, query], Rounds(WHOLE_ROUNDS, warmup=0, seed=seed), watch=watch)


def ratio_names(shelf: int, *, scaled: bool) -> list[tuple[str, str, str]]:
    """Name, slow and fast alternative.

    Args:
        shelf: its size, part of the names.
        scaled: names for figures that stand beside those of whole queries.
    """
    end = f"{shelf}_scaled" if scaled else f"{shelf}"
    return [
        (f"b32_query_vs_release_{end}", "release_query", "fp32_step"),
        (f"b32_clip_query_vs_release_{end}", "release_query", "fp32_clip"),
    ]


def lacking_memory(available: int | None = None) -> str:
    """Why a network of this size cannot be exported here; empty where it can.

    Args:
        available: bytes; asked of the kernel where None.
    """
    there = memory_bytes()[1] if available is None else available
    if there >= MEMORY_BYTES:
        return ""
    return f"{PRESET} takes {MEMORY_BYTES / 1e9:.0f} GB of memory, {there / 1e9:.1f} GB are free"
