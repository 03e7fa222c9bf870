"""Small diagrams as SVG, drawn by hand: two curves need no plotting library."""

from __future__ import annotations

from collections.abc import Sequence

from models.evaluation.confidence import Bin

SIDE = 300
EDGE = 46
INK, GRID, LINE, FAINT = "#222", "#ddd", "#1f5fa8", "#9bb8d8"

Point = tuple[float, float]


def reliability_diagram(bins: Sequence[Bin]) -> str:
    """Confidence against truth: dots on the diagonal are right, their size is their weight."""
    total = sum(one.weight for one in bins)
    marks = [_line([(0, 0), (1, 1)], FAINT, dashed=True)]
    for one in bins:
        (x, y), (_, ideal) = _at((one.confidence, one.right)), _at((0, one.confidence))
        marks.append(f'<line x1="{x}" y1="{y}" x2="{x}" y2="{ideal}" stroke="{FAINT}"/>')
        radius = round(3 + 9 * (one.weight / total) ** 0.5, 1)
        said = f"said {one.confidence:.0%}, right {one.right:.0%}, {one.weight:g} clips"
        dot = f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{LINE}" fill-opacity="0.75">'
        marks.append(f"{dot}<title>{said}</title></circle>")
    return _frame("How sure it said it was", "How often it was right", marks)


def risk_coverage_curve(points: Sequence[Point], answered: float | None) -> str:
    """Errors against the share of clips that are answered, the surest first.

    Args:
        points: coverage and risk.
        answered: coverage at which the screen really stands; marked if given.
    """
    marks = [_line([(0, points[0][1]), *points], LINE)]
    if answered is not None:
        x, top = _at((answered, 1))
        marks.append(
            f'<line x1="{x}" y1="{top}" x2="{x}" y2="{EDGE / 2 + SIDE}" stroke="{INK}" '
            f'stroke-dasharray="4 3"/><text x="{x - 5}" y="{top + 14}" text-anchor="end">'
            f"the screen today</text>"
        )
    return _frame("Share of clips that are answered", "Share of these that are wrong", marks)


def _at(point: Point) -> Point:
    return round(EDGE + point[0] * SIDE, 1), round(EDGE / 2 + (1 - point[1]) * SIDE, 1)


def _line(points: Sequence[Point], colour: str, *, dashed: bool = False) -> str:
    path = " ".join(f"{x},{y}" for x, y in map(_at, points))
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'


def _frame(below: str, beside: str, marks: Sequence[str]) -> str:
    width, height = SIDE + EDGE + 16, SIDE + EDGE + 20
    parts = []
    for step in range(5):
        part = step / 4
        x, y = _at((part, part))
        parts += [
            f'<path d="M{EDGE} {y}H{EDGE + SIDE}M{x} {EDGE / 2}V{EDGE / 2 + SIDE}" '
            f'stroke="{GRID}"/>',
            f'<text x="{EDGE - 6}" y="{y + 4}" text-anchor="end">{part:.0%}</text>',
            f'<text x="{x}" y="{EDGE / 2 + SIDE + 15}" text-anchor="middle">{part:.0%}</text>',
        ]
    middle = EDGE / 2 + SIDE / 2
    parts += [
        *marks,
        f'<text x="{EDGE + SIDE / 2}" y="{height - 6}" text-anchor="middle">{below}</text>',
        f'<text x="12" y="{middle}" text-anchor="middle" '
        f'transform="rotate(-90 12 {middle})">{beside}</text>',
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" font-family="sans-serif" font-size="11" '
        f'fill="{INK}"><title>{beside} by: {below}</title>{"".join(parts)}</svg>'
    )
