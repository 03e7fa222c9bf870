"""Optimisation profiles: the sizes that an engine takes, from the contract of its submodule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.bundle.manifest import Manifest, Submodule
from runtime.catalog.encoder import BATCH
from runtime.errors import BuildError

USUAL_TOKENS = 16
"""Length of a title or of a few spoken words, special tokens included."""

Shape = tuple[int, ...]
Profile = dict[str, tuple[Shape, Shape, Shape]]


@dataclass(frozen=True)
class Span:
    """Sizes of an axis that may vary; TensorRT is fastest at the usual one."""

    least: int
    usual: int
    largest: int


def spans(manifest: Manifest) -> dict[str, dict[str, Span]]:
    """Sizes of the letters in the contract, by submodule.

    A kiosk encodes one new frame at a time, a clip has T, the catalog comes in batches. Texts are
    encoded one by one.
    """
    many = max(manifest.frames, BATCH)
    longest = manifest.text.max_tokens
    return {
        "frame_encoder": {"N": Span(1, 1, many)},
        "text_encoder": {
            "N": Span(1, 1, BATCH),
            "L": Span(1, min(USUAL_TOKENS, longest), longest),
        },
        "item_head": {"N": Span(1, BATCH, BATCH)},
    }


def profile(name: str, part: Submodule, manifest: Manifest) -> Profile:
    """Least, usual and largest shape of every input that varies.

    Raises:
        BuildError: the contract has an axis whose sizes are not known here.
    """
    known = spans(manifest).get(name, {})
    found: Profile = {}
    for tensor in part.inputs:
        letters = {size for size in tensor.shape if isinstance(size, str)}
        if letters - known.keys():
            raise BuildError(
                f"no engine can be built of {name}",
                why=f"{tensor.name} varies in {', '.join(sorted(letters - known.keys()))}, "
                "for which no sizes are known",
                fix="update sgmn-edge: pip install --upgrade sgmn-edge",
            )
        if letters:
            found[tensor.name] = (
                _shape(tensor.shape, known, "least"),
                _shape(tensor.shape, known, "usual"),
                _shape(tensor.shape, known, "largest"),
            )
    return found


def add_profile(builder: Any, config: Any, shapes: Profile) -> None:
    """Give a build its one profile; nothing where all sizes are fixed.

    Raises:
        BuildError: TensorRT does not take it.
    """
    if not shapes:
        return
    made = builder.create_optimization_profile()
    for name, (least, usual, largest) in shapes.items():
        made.set_shape(name, least, usual, largest)
    if config.add_optimization_profile(made) < 0:
        raise BuildError(
            "TensorRT refuses the optimisation profile",
            why=str(shapes),
            fix="report this with the output of `sgmn doctor --json`",
        )


def _shape(shape: tuple[int | str, ...], known: Mapping[str, Span], which: str) -> Shape:
    return tuple(s if isinstance(s, int) else getattr(known[s], which) for s in shape)
