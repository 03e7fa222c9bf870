"""Figures as the page has them: few digits, real minus signs, a dash for what is not known."""

from __future__ import annotations

from models.evaluation.metrics import Estimate

NOTHING = "–"


def fixed(value: float | None, digits: int = 1) -> str:
    """A number with so many decimals."""
    return NOTHING if value is None else f"{value:.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 1) -> str:
    """A change; one that rounds to nothing has no sign."""
    if value is None:
        return NOTHING
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text[1:] if float(f"{value:.{digits}f}") == 0 else text


def span(one: Estimate | None, scale: float = 1.0, digits: int = 1, *, sign: bool = False) -> str:
    """Where a value likely lies; empty where that is not known."""
    if one is None or one.low is None or one.high is None:
        return ""
    form = signed if sign else fixed
    return f"{form(one.low * scale, digits)} to {form(one.high * scale, digits)}"


def megabytes(size: int | None) -> str:
    """Bytes in millions of bytes."""
    return NOTHING if size is None else f"{size / 1e6:.{1 if size >= 1e5 else 3}f}"


def milliseconds(value: float | None) -> str:
    """A time with three digits or so."""
    return NOTHING if value is None else f"{value:.{2 if value < 10 else 1}f}"


def of_hundred(share: float) -> str:
    """A share as so many of 100."""
    return f"{share * 100:.0f}"
