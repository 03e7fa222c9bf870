"""Precision plans with a name."""

from __future__ import annotations

from collections.abc import Callable

from export.precision.plan import PrecisionPlan, SubmodulePlan, Target
from runtime.bundle.manifest import SUBMODULES
from runtime.errors import UsageError

ENCODERS = ("frame_encoder", "text_encoder")

EXACT, HALF = SubmodulePlan("fp32"), SubmodulePlan("fp16", held_precision="fp16")

HELD = {"lite": ("stem",)}
"""Blocks of the frame encoder that lose most in INT8 and take little time, by network."""

TRANSFORMERS = ("b32",)
"""Networks whose frame encoder stays FP16 in plan ``int8``.

One range a tensor does not fit a transformer's activations, of which a few channels are large, and
ranges found at run time would make a picture depend on those encoded with it.
"""


def _all(plan: SubmodulePlan) -> dict[str, SubmodulePlan]:
    return dict.fromkeys(SUBMODULES, plan)


def _coarse(target: Target, held: tuple[str, ...] = ()) -> SubmodulePlan:
    """INT8; on a GPU the rest is FP16, which a processor gains nothing from."""
    return SubmodulePlan("int8", held, "fp16" if target == "tensorrt" else "fp32")


def _int8(preset: str, target: Target) -> dict[str, SubmodulePlan]:
    frame = HALF if preset in TRANSFORMERS else _coarse(target, HELD.get(preset, ()))
    text = _coarse(target) if target == "cpu" else HALF
    return {**_all(HALF), "frame_encoder": frame, "text_encoder": text}


_MAKERS: dict[str, Callable[[str, Target], dict[str, SubmodulePlan]]] = {
    "fp32": lambda preset, target: _all(EXACT),
    "fp16": lambda preset, target: _all(HALF),
    "fp16-heads": lambda preset, target: {**_all(HALF), **dict.fromkeys(ENCODERS, EXACT)},
    "int8-text": lambda preset, target: {"text_encoder": _coarse(target)},
    "int8": _int8,
    "int8-encoders": lambda preset, target: {
        **_all(HALF),
        **dict.fromkeys(ENCODERS, _coarse(target)),
    },
    "int8-all": lambda preset, target: _all(_coarse(target)),
}

NAMES = tuple(_MAKERS)


def named_plan(name: str, preset: str, target: Target = "cpu") -> PrecisionPlan:
    """One of `NAMES` for a network.

    ``fp32`` and ``fp16`` are the same for all submodules; ``fp16-heads`` leaves the encoders FP32,
    and in ``int8-text`` the text encoder alone is INT8. ``int8`` ships: INT8 encoders with the
    blocks held that lose most, FP16 heads; on a GPU, where texts cost next to nothing, an FP16 text
    encoder. ``int8-encoders`` holds nothing back in the encoders, ``int8-all`` nothing at all.

    Args:
        name: of the plan.
        preset: of the network, as in its manifest.
        target: what the graphs are for.

    Raises:
        UsageError: there is no such plan.
    """
    if name not in _MAKERS:
        raise UsageError(
            f"there is no precision plan {name}",
            why=f"there are {', '.join(NAMES)}, and files of your own",
            fix="name one of them, or a .toml file, with --plan",
        )
    return PrecisionPlan(name, target, _MAKERS[name](preset, target))
