"""Plots as SVG whose text is text and whose bytes are the same for the same figures."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, LINE, PAPER = "#1d2430", "#5b6675", "#dfe4ea", "#ffffff"
BLUE, GREEN, RED, AMBER, FAINT = "#1f5fa8", "#1f7a45", "#a8321f", "#8a5a00", "#9bb8d8"
"""Colours of ``style.css`` in light; on a page they are replaced by the variables there."""

_VARIABLES = {
    INK: "ink",
    SOFT: "soft",
    LINE: "line",
    PAPER: "paper",
    BLUE: "blue",
    GREEN: "green",
    RED: "red",
    AMBER: "amber",
    FAINT: "faint",
}

_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sgmn",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.facecolor": PAPER,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": PAPER,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "legend.frameon": False,
    "errorbar.capsize": 0,
}
_POINTS = 72
_FONT = re.compile(r"'DejaVu Sans'[^;\"]*")
_ID = re.compile(r' id="([^"]+)"')


def draw(title: str, width: int, height: int, *paints: Callable[[Axes], None]) -> str:
    """A plot as an SVG file.

    Args:
        title: what it shows, for those who cannot see it.
        width: in pixels.
        height: in pixels.
        paints: each draws into axes of its own, below one another.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    out = io.StringIO()
    with rc_context(_SETTINGS):
        figure = Figure((width / _POINTS, height / _POINTS), dpi=_POINTS, layout="constrained")
        FigureCanvasSVG(figure)
        rows = figure.subplots(len(paints), squeeze=False)
        for axes, paint in zip(rows.flat, paints, strict=True):
            paint(axes)
        figure.savefig(out, format="svg")
    return _tidy(out.getvalue(), title, width, height)


def for_page(svg: str) -> str:
    """An SVG file as part of a page: its colours are the page's, in light and in dark."""
    body = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg[svg.index("<svg") :])
    return re.sub("|".join(_VARIABLES), lambda found: f"var(--{_VARIABLES[found[0]]})", body)


def _tidy(svg: str, title: str, width: int, height: int) -> str:
    """Name it, let any font show it, and drop date, creator and names that nothing refers to.

    Several drawings share a page, where each name may occur once; those that are left are digests
    of what they name.
    """
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)", body))
    body = _ID.sub(lambda found: found[0] if found[1] in used else "", body)
    body = _FONT.sub("sans-serif", body)
    body = re.sub(
        r"<svg [^>]*>", lambda found: _opening(found[0], title, width, height), body, count=1
    )
    return '<?xml version="1.0" encoding="utf-8"?>\n' + body


def _opening(tag: str, title: str, width: int, height: int) -> str:
    sized = re.sub(r'(width|height)="[^"]*pt"', "", tag)
    named = sized.replace("<svg", f'<svg role="img" width="{width}" height="{height}"', 1)
    return f"{named}<title>{html.escape(title)}</title>"
