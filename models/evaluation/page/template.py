"""Pages from templates: everything that others named or said is escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from models.evaluation.metrics import Estimate

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""A page holds all it shows; with this it cannot ask for anything else even if it wanted to."""


def render(
    package: str,
    template: str,
    filters: Mapping[str, Callable[..., Any]],
    folder: str = "",
    **values: Any,
) -> str:
    """Render a template of a package; the page's style is included as ``style.css``.

    Args:
        package: whose folder holds the template and what it includes.
        template: its file name.
        folder: of the package, where the templates lie.
        filters: beside those of every page: ``percent`` and ``interval``.
        values: what the template shows; the page's content policy is ``policy``.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader(package, folder), PackageLoader("models.evaluation.page", "")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, interval=interval, **filters)
    return environment.get_template(template).render(**values, policy=POLICY)


def percent(value: Estimate | None) -> str:
    """A share in percent with one decimal."""
    return "–" if value is None else f"{value.value * 100:.1f}"


def interval(value: Estimate | None) -> str:
    """Where a share likely lies, in whole percent; empty without an interval."""
    if value is None or value.low is None or value.high is None:
        return ""
    return f"{value.low * 100:.0f}–{value.high * 100:.0f}"
