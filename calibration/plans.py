"""The precision plan that a command line asks for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from export.precision.plan import Method, PrecisionPlan, Target, plan_from_dict
from export.precision.presets import named_plan
from runtime.bundle.files import write_durably
from runtime.errors import UsageError
from runtime.machine import cpu


@dataclass(frozen=True)
class PlanOptions:
    """What a command line says beside the plan's name; None leaves it to the plan.

    Attributes:
        target: what the graphs are for.
        method: of the calibration.
        pictures: to calibrate with.
        seed: of their draw.
        reduce_range: ``auto`` asks the processor, ``on``, ``off``.
    """

    target: Target | None = None
    method: Method | None = None
    pictures: int | None = None
    seed: int | None = None
    reduce_range: str | None = None


def chosen_plan(name: str, preset: str, options: PlanOptions) -> PrecisionPlan:
    """A named plan for a network, or one read from a ``.toml`` file.

    Raises:
        UsageError: there is no such plan, the file is not a plan, or it is for another target.
    """
    if name.endswith(".toml"):
        plan = read_plan(Path(name))
        if options.target not in (None, plan.target):
            raise UsageError(
                f"{name} is not for {options.target}",
                why=f'it says target = "{plan.target}", and a plan holds for one target',
                fix="leave --target out, or name another plan",
            )
    else:
        plan = named_plan(name, preset, options.target or "cpu")
    asked = {"method": options.method, "pictures": options.pictures, "seed": options.seed}
    given = {key: value for key, value in asked.items() if value is not None}
    return replace(
        plan,
        calibration=replace(plan.calibration, **given),  # type: ignore[arg-type]
        reduce_range=_reduced(options.reduce_range, plan.reduce_range),
    )


def read_plan(path: Path) -> PrecisionPlan:
    """Read a plan from TOML.

    Raises:
        UsageError: the file is missing, not TOML or not a plan.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        return plan_from_dict(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"cannot read {path}", why=str(error), fix="give a plan in TOML with --plan"
        ) from error


def write_plan(path: Path, plan: PrecisionPlan) -> None:
    """Write a plan as TOML, as `read_plan` reads it.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """
    write_durably(path, plan_text(plan).encode())


def plan_text(plan: PrecisionPlan) -> str:
    """A plan as TOML."""
    fields = plan.as_dict()
    submodules, calibration = fields.pop("submodules"), fields.pop("calibration")
    tables = {f"submodules.{name}": values for name, values in submodules.items()}
    text = _pairs(fields)
    for name, values in {"calibration": calibration, **tables}.items():
        text += f"\n[{name}]\n{_pairs(values)}"
    return text


def _pairs(fields: Mapping[str, Any]) -> str:
    """Strings, numbers, truth values and lists of strings are written alike in JSON and TOML."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())


def has_int8_dot_products(features: Callable[[], frozenset[str]] | None = None) -> bool:
    """Whether this processor sums 8-bit products in 32 bits: x86 with VNNI, any 64-bit ARM."""
    found = features() if features else cpu().features
    return bool(found & {"avx512_vnni", "avx_vnni", "asimd"})


def _reduced(asked: str | None, planned: bool) -> bool:
    if asked is None:
        return planned
    return not has_int8_dot_products() if asked == "auto" else asked == "on"
