"""One whole step: on the device, engine by engine, and on the processor, compared by value."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from calibration.gpu_check.lab import Lab, Tell, processor_of
from calibration.gpu_check.shelf import Shelf, made_up_frames, made_up_shelf
from runtime.catalog.catalog import FloatArray
from runtime.engines.chain import DeviceChain
from runtime.errors import EngineError
from runtime.network import Network, TextFeatures
from runtime.preprocess import frame_input

ITEMS = 500
WORDS = "this fresh red tea is what I drink every morning"

MOST_APART = 0.02
"""Between a step on the device and the same engines one by one, of the largest score. What differs
is the rounding of scaled pixels and the order of sums."""

MOST_FROM_PROCESSOR = {"fp32": 0.02, "fp16": 0.1}
"""From the FP32 submodules in ONNX Runtime. INT8 is told and not judged: that is for accuracy."""


@dataclass(frozen=True)
class Ranked:
    """What a step found.

    Attributes:
        rows: of the best candidates.
        scores: float32 [k], of the first stage.
        reranked: float32 [k], of the second.
    """

    rows: list[int]
    scores: FloatArray
    reranked: FloatArray


@dataclass(frozen=True)
class Apart:
    """How far two steps are from one another.

    Attributes:
        shared: share of the rows that both found.
        scores: largest difference of shared rows over the largest score, first stage.
        reranked: likewise, second stage.
    """

    shared: float
    scores: float
    reranked: float

    def within(self, most: float) -> bool:
        """Whether both stages agree; half of the rows may be others, where scores are near."""
        return self.shared >= 0.5 and self.scores <= most and self.reranked <= most


def step_parity(lab: Lab, tell: Tell, preset: str, precision: str) -> None:
    """Compare one step with words and a full ring.

    Raises:
        EngineError: it is too far off.
        GpuError: the engines cannot be used.
    """
    bundle = lab.bundle(preset, precision)
    shelf = made_up_shelf(bundle.manifest, min(ITEMS, lab.job.items), lab.job.seed)
    with processor_of(bundle) as exact, lab.network(preset, precision) as network:
        frames = made_up_frames(exact.frames, lab.job.seed)
        text = exact.encode_texts([WORDS])
        single = one_by_one(network, frames, text, shelf)
        far = apart(one_by_one(exact, frames, text, shelf), single)
        tell(from_processor=asdict(far), most_from_processor=MOST_FROM_PROCESSOR.get(precision))
        chain = network.chain(shelf)
        if chain is None:
            tell(chain=None, why_no_chain=_why_no_chain(lab))
        else:
            # In silence as well, where nothing but the pictures counts.
            silent = one_by_one(network, frames, None, shelf)
            near = max(
                apart(single, chained(chain, frames, text)),
                apart(silent, chained(chain, frames, None)),
                key=lambda found: max(found.scores, found.reranked),
            )
            tell(chain=asdict(near), most_apart=MOST_APART, graph=chain.captured)
            if not near.within(MOST_APART):
                raise _off("a step on the device", "its own engines one by one", near)
    if not far.within(MOST_FROM_PROCESSOR.get(precision, np.inf)):
        raise _off("a step on the GPU", "ONNX Runtime", far)


def one_by_one(
    network: Network, frames: list[np.ndarray], text: TextFeatures | None, shelf: Shelf
) -> Ranked:
    """A step whose search is on the processor.

    Args:
        network: open, on whatever engines.
        frames: T of uint8 [H, W, 3] BGR.
        text: one text; None for silence.
        shelf: what is searched.
    """
    squares = np.stack([frame_input(frame, network.image_size) for frame in frames])
    encoded = network.encode_frames(squares, [float(i) for i in range(len(frames))])
    query = network.query(encoded, text)
    hits = shelf.search(query.vector[: network.visual_size + 1], network.shortlist)
    rows, scores = [hit.row for hit in hits], np.array([hit.score for hit in hits], np.float32)
    return Ranked(rows, scores, network.rerank(query, *shelf.vectors(rows), scores))


def chained(chain: DeviceChain, frames: list[np.ndarray], text: TextFeatures | None) -> Ranked:
    """The same step on the device, twice, as the second time may be a CUDA graph."""
    seen = [chain.see(frame, float(number)) for number, frame in enumerate(frames)]
    chain.match(seen, text, None)
    found = chain.match(seen, text, None)
    return Ranked(list(found.rows), found.scores, found.reranked)


def apart(first: Ranked, second: Ranked) -> Apart:
    """Compare by row; what is not finite is infinitely far."""
    places = {row: place for place, row in enumerate(second.rows)}
    both = [(mine, places[row]) for mine, row in enumerate(first.rows) if row in places]
    if not both:
        return Apart(0.0, float("inf"), float("inf"))
    mine, theirs = (list(side) for side in zip(*both, strict=True))
    return Apart(
        len(both) / len(first.rows),
        _largest(first.scores[mine], second.scores[theirs]),
        _largest(first.reranked[mine], second.reranked[theirs]),
    )


def _largest(want: FloatArray, got: FloatArray) -> float:
    if not np.isfinite(got).all():
        return float("inf")
    return float(np.abs(want - got).max() / max(float(np.abs(want).max()), 1e-6))


def _why_no_chain(lab: Lab) -> str:
    if lab.machine.kernels() is None:
        return "libsgmn_native_cuda is not built"
    return "the catalog has no room on the GPU"


def _off(what: str, other: str, found: Apart) -> EngineError:
    return EngineError(
        f"{what} does not find what {other} finds",
        why=f"they share {found.shared:.0%} of the rows; scores differ by {found.scores:.3g} and "
        f"{found.reranked:.3g} of the largest",
        fix="use another release of TensorRT; a kiosk goes on with --provider cpu",
    )
