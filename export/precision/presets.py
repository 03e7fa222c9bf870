"""Precision plans with a name."""

from __future__ import annotations

from collections.abc import Callable

from export.precision.plan import PrecisionPlan, SubmodulePlan, Target
from runtime.bundle.manifest import SUBMODULES
from runtime.errors import UsageError

ENCODERS = ("frame_encoder", "text_encoder")

EXACT, HALF = SubmodulePlan("fp32"), SubmodulePlan("fp16", held_precision="fp16")

HELD: dict[str, SubmodulePlan] = {
    "lite": SubmodulePlan("int8", held=("stem", "blocks.0")),
    "b32": HALF,
}
"""What the frame encoder of a preset needs in plan ``int8``; of all others, every block is INT8.

Transformers: one range a tensor does not fit their activations, of which a few channels are large.
"""


def _all(plan: SubmodulePlan) -> dict[str, SubmodulePlan]:
    return dict.fromkeys(SUBMODULES, plan)


def _int8(preset: str) -> dict[str, SubmodulePlan]:
    whole = SubmodulePlan("int8")
    encoders = {"frame_encoder": HELD.get(preset, whole), "text_encoder": whole}
    return {**_all(HALF), **encoders}


_MAKERS: dict[str, Callable[[str], dict[str, SubmodulePlan]]] = {
    "fp32": lambda preset: _all(EXACT),
    "fp16": lambda preset: _all(HALF),
    "fp16-heads": lambda preset: {**_all(HALF), **dict.fromkeys(ENCODERS, EXACT)},
    "int8-text": lambda preset: {"text_encoder": SubmodulePlan("int8")},
    "int8": _int8,
    "int8-encoders": lambda preset: {
        **_all(HALF),
        **dict.fromkeys(ENCODERS, SubmodulePlan("int8")),
    },
    "int8-all": lambda preset: _all(SubmodulePlan("int8")),
}

NAMES = tuple(_MAKERS)


def named_plan(name: str, preset: str, target: Target = "cpu") -> PrecisionPlan:
    """One of `NAMES` for a network.

    ``fp32`` and ``fp16`` are the same for all submodules; ``fp16-heads`` leaves the encoders FP32,
    and in ``int8-text`` the text encoder alone is INT8. ``int8`` ships: INT8 encoders with the
    blocks held that lose most, FP16 heads. ``int8-encoders`` holds nothing back in the encoders,
    ``int8-all`` nothing at all.

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
    return PrecisionPlan(name, target, _MAKERS[name](preset))
