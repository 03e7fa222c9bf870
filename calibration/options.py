"""Options that several commands of this floor share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]
Option = Callable[[Command], Command]

_path = click.Path(path_type=Path)


class NumberRange(click.FloatRange):
    """A range that nan, which no comparison is true of, is not in."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """As `click.FloatRange.convert`."""
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail("nan is not in the range.", param, ctx)
        return found


_EXAM: tuple[Option, ...] = (
    click.option("--clips", "manifest", type=_path, required=True, help="Labelled clips."),
    click.option(
        "--root", type=_path, required=True, help="Folder the photo paths are relative to."
    ),
    click.option("--catalog", type=_path, required=True, help="Feed of the products."),
    click.option("--distractors", type=_path, help="Feed of more products, which no clip shows."),
)

_DRAW: tuple[Option, ...] = (
    click.option("--pictures", type=_path, multiple=True, help="Folder of in-store pictures."),
    click.option("--clip", "videos", type=_path, multiple=True, help="Video clip."),
    click.option("--count", type=click.IntRange(min=2), help="Calibration pictures. Default: 256."),
    click.option(
        "--method",
        type=click.Choice(["minmax", "entropy", "percentile"]),
        help="How ranges are found. Default: as the plan says, else minmax.",
    ),
    click.option("--seed", type=click.IntRange(min=0), help="Of the draw of pictures. Default: 0."),
)

enrol_option: Option = click.option(
    "--enrol", type=_path, help="List of photos to enrol, of splits train and val."
)


def exam_options(command: Command) -> Command:
    """What a bundle is asked: ``manifest``, ``root``, ``catalog`` and ``distractors``."""
    return _with(_EXAM, command)


def draw_options(command: Command) -> Command:
    """What is calibrated with: ``pictures``, ``videos``, ``count``, ``method`` and ``seed``."""
    return _with(_DRAW, command)


def budget_option(whose: str) -> Option:
    """Points of R@1 that a plan may lose, as ``budget``; ``whose`` stands in the help."""
    return click.option(
        "--budget",
        type=NumberRange(0, 100),
        default=0.5,
        show_default=True,
        help=f"Points of R@1 that {whose} may lose.",
    )


def items_option(about: str) -> Option:
    """Size of the catalog that steps are timed with, as ``items``; ``about`` is the help."""
    return click.option(
        "--items", type=click.IntRange(min=1), default=10_000, show_default=True, help=about
    )


def _with(options: tuple[Option, ...], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
