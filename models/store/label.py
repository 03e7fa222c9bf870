"""The printed front of a package: background, brand mark, ingredient picture and title."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.store.assortment import Colour
from models.store.motif import draw_motif
from models.store.paint import Canvas, ellipse, fitting_size, mixed, readable_on, rounded, spot
from models.store.product import Product


def draw_label(product: Product, width: int, height: int) -> np.ndarray:
    """The label of `product` as RGB uint8 (height, width, 3)."""
    canvas = Canvas.blank(width, height, product.design.base)
    _LAYOUTS[product.design.layout](canvas, product)
    return canvas.image


def _pattern(canvas: Canvas, product: Product, ground: Colour) -> None:
    """Covers the canvas with `ground` and the family's faint pattern."""
    canvas.image[:] = ground
    tint = mixed(ground, (255, 255, 255), 0.16)
    width, height = canvas.width, canvas.height
    step = max(width, height) / 9
    kind = product.design.pattern
    if kind == "dots":
        for row in range(int(height / step) + 2):
            for column in range(int(width / step) + 2):
                x = (column + 0.5 * (row % 2)) * step
                canvas.polygon(ellipse(x, row * step, step * 0.2, step * 0.2), tint)
    elif kind == "lines":
        for x in np.arange(0, width + step, step):
            canvas.rectangle(x, 0, x + step * 0.45, height, tint)
    elif kind == "checks":
        for row in range(int(height / step) + 1):
            for column in range(row % 2, int(width / step) + 1, 2):
                x, y = column * step, row * step
                canvas.rectangle(x, y, x + step, y + step, tint)
    elif kind == "chevrons":
        for y in np.arange(-step, height + step, step):
            teeth = np.arange(0, width + step, step / 2)
            zigzag = np.stack([teeth, y + (np.arange(len(teeth)) % 2) * step * 0.5], 1)
            canvas.line(zigzag, tint, step * 0.2)


def _pictures(canvas: Canvas, product: Product, x: float, y: float, r: float) -> None:
    """Draws the ingredient within radius `r`, alone or in the family's arrangement."""
    offsets = {
        "single": ((0.0, 0.0, 1.0),),
        "trio": ((-0.52, 0.3, 0.56), (0.52, 0.3, 0.56), (0.0, -0.4, 0.6)),
        "row": ((-0.74, 0.06, 0.5), (0.74, 0.06, 0.5), (0.0, 0.0, 0.66)),
        "scatter": ((0.12, 0.1, 0.74), (-0.72, -0.5, 0.34), (0.74, -0.66, 0.3), (-0.76, 0.62, 0.3)),
    }[product.design.picture]
    for dx, dy, share in offsets:
        draw_motif(canvas, product.motif, x + dx * r, y + dy * r, share * r, product.accent)


def _brand(canvas: Canvas, product: Product, x: float, y: float, w: float, h: float) -> None:
    """The brand name on the family's mark, in a box `w` by `h` centred on (x, y)."""
    design = product.design
    ground = design.trim
    mark = design.mark
    if mark in ("circle", "oval"):
        canvas.polygon(ellipse(x, y, w / 2, h / 2), ground)
        canvas.polygon(
            ellipse(x, y, w / 2 - h * 0.07, h / 2 - h * 0.07), mixed(ground, (0, 0, 0), 0.12)
        )
    elif mark == "plate":
        canvas.polygon(rounded(x - w / 2, y - h / 2, x + w / 2, y + h / 2, h * 0.2), ground)
    elif mark == "ribbon":
        notch = h * 0.3
        canvas.polygon(np.array([
            (x - w / 2, y - h / 2), (x + w / 2, y - h / 2), (x + w / 2 - notch, y),
            (x + w / 2, y + h / 2), (x - w / 2, y + h / 2), (x - w / 2 + notch, y),
        ]), ground)  # fmt: skip
    elif mark == "shield":
        canvas.polygon(np.array([
            (x - w / 2, y - h / 2), (x + w / 2, y - h / 2), (x + w / 2, y + h * 0.2),
            (x, y + h * 0.62), (x - w / 2, y + h * 0.2),
        ]), ground)  # fmt: skip
    beneath = canvas.image[min(max(int(y), 0), canvas.height - 1), int(min(x, canvas.width - 1))]
    ink = readable_on((int(beneath[0]), int(beneath[1]), int(beneath[2])))
    size = fitting_size(design.brand, w * 0.72, h * 0.5, 0.8)
    canvas.text(design.brand, x, y, size, ink, bold=0.8)


def _title(
    canvas: Canvas, product: Product, x: float, y: float, w: float, h: float, ground: Colour
) -> None:
    """The title in one or two lines within a box `w` by `h` centred on (x, y)."""
    words = product.title.upper() if product.design.upper else product.title
    lines = _two_lines(words) if len(words) > 9 and h > w * 0.16 else [words]
    size = min(fitting_size(line, w, h * 0.62 / len(lines) * 1.15, 1.0) for line in lines)
    ink = readable_on(ground)
    for number, line in enumerate(lines):
        canvas.text(line, x, y + (number - (len(lines) - 1) / 2) * size * 1.12, size, ink, 1.0)


def _two_lines(words: str) -> list[str]:
    parts = words.split()
    splits = [(" ".join(parts[:i]), " ".join(parts[i:])) for i in range(1, len(parts))]
    if not splits:
        return [words]
    return list(min(splits, key=lambda pair: max(map(len, pair))))


def _medallion(canvas: Canvas, product: Product) -> None:
    design, w, h = product.design, canvas.width, canvas.height
    _pattern(canvas, product, design.base)
    r = min(w * 0.4, h * 0.27)
    band = h * 0.72
    canvas.rectangle(0, band, w, h, product.accent)
    canvas.rectangle(0, band, w, band + h * 0.015, design.paper)
    canvas.polygon(ellipse(w / 2, h * 0.47, r * 1.08, r * 1.08), design.trim)
    canvas.polygon(ellipse(w / 2, h * 0.47, r, r), design.paper)
    _pictures(canvas, product, w / 2, h * 0.47, r * 0.76)
    _brand(canvas, product, w / 2, h * 0.11, w * 0.8, h * 0.14)
    _title(canvas, product, w / 2, h * 0.86, w * 0.86, h * 0.22, product.accent)


def _split(canvas: Canvas, product: Product) -> None:
    design, w, h = product.design, canvas.width, canvas.height
    _pattern(canvas, product, design.base)
    canvas.rectangle(0, h * 0.56, w, h, design.paper)
    canvas.rectangle(0, h * 0.535, w, h * 0.56, product.accent)
    _brand(canvas, product, w / 2, h * 0.15, w * 0.86, h * 0.2)
    _title(canvas, product, w / 2, h * 0.4, w * 0.88, h * 0.22, design.base)
    _pictures(canvas, product, w / 2, h * 0.78, min(w * 0.42, h * 0.2))


def _panel(canvas: Canvas, product: Product) -> None:
    design, w, h = product.design, canvas.width, canvas.height
    _pattern(canvas, product, design.base)
    canvas.polygon(rounded(w * 0.1, h * 0.1, w * 0.9, h * 0.6, w * 0.08), design.paper)
    canvas.rectangle(w * 0.1, h * 0.31, w * 0.9, h * 0.35, product.accent)
    _brand(canvas, product, w / 2, h * 0.205, w * 0.7, h * 0.15)
    _title(canvas, product, w / 2, h * 0.475, w * 0.72, h * 0.2, design.paper)
    _pictures(canvas, product, w / 2, h * 0.79, min(w * 0.42, h * 0.19))


def _diagonal(canvas: Canvas, product: Product) -> None:
    design, w, h = product.design, canvas.width, canvas.height
    _pattern(canvas, product, design.base)
    canvas.polygon(np.array([(0, h * 0.66), (w, h * 0.34), (w, h), (0, h)]), product.accent)
    canvas.polygon(np.array([(0, h * 0.7), (w, h * 0.38), (w, h), (0, h)]), design.paper)
    _brand(canvas, product, w * 0.42, h * 0.12, w * 0.72, h * 0.15)
    _title(canvas, product, w * 0.46, h * 0.33, w * 0.82, h * 0.22, design.base)
    _pictures(canvas, product, w * 0.6, h * 0.74, min(w * 0.36, h * 0.22))


def _stripes(canvas: Canvas, product: Product) -> None:
    design, w, h = product.design, canvas.width, canvas.height
    canvas.image[:] = design.paper
    for number in range(6):
        x = w * (number + 0.25) / 6
        canvas.rectangle(x, 0, x + w / 12, h, design.base)
    canvas.polygon(ellipse(w / 2, h * 0.6, w * 0.44, h * 0.34), product.accent)
    canvas.polygon(ellipse(w / 2, h * 0.6, w * 0.41, h * 0.315), design.paper)
    canvas.rectangle(0, 0, w, h * 0.2, design.base)
    _brand(canvas, product, w / 2, h * 0.1, w * 0.84, h * 0.15)
    _pictures(canvas, product, w / 2, h * 0.5, min(w * 0.28, h * 0.15))
    _title(canvas, product, w / 2, h * 0.74, w * 0.62, h * 0.18, design.paper)


def _wave(canvas: Canvas, product: Product) -> None:
    design, w, h = product.design, canvas.width, canvas.height
    canvas.image[:] = design.paper
    x = np.linspace(0, w, 40)
    for level, swing, colour in ((0.62, 0.05, product.accent), (0.68, -0.04, design.base)):
        crest = np.stack([x, h * (level + swing * np.sin(x / w * 2 * np.pi))], 1)
        canvas.polygon(np.concatenate([crest, [(w, h), (0, h)]]), colour)
    crest = np.stack([x, h * (0.1 + 0.03 * np.sin(x / w * 2 * np.pi + 1))], 1)
    canvas.polygon(np.concatenate([crest, [(w, 0), (0, 0)]]), design.base)
    _brand(canvas, product, w / 2, h * 0.21, w * 0.8, h * 0.14)
    _pictures(canvas, product, w / 2, h * 0.47, min(w * 0.4, h * 0.19))
    _title(canvas, product, w / 2, h * 0.85, w * 0.86, h * 0.22, design.base)


def _frame(canvas: Canvas, product: Product) -> None:
    design, w, h = product.design, canvas.width, canvas.height
    edge = min(w, h)
    canvas.image[:] = design.base
    canvas.rectangle(edge * 0.06, edge * 0.06, w - edge * 0.06, h - edge * 0.06, product.accent)
    canvas.rectangle(edge * 0.09, edge * 0.09, w - edge * 0.09, h - edge * 0.09, design.paper)
    _pictures(canvas, product, w / 2, h * 0.66, min(w * 0.36, h * 0.23))
    _brand(canvas, product, w / 2, h * 0.18, w * 0.72, h * 0.14)
    canvas.rectangle(0, h * 0.29, w, h * 0.44, design.base)
    _title(canvas, product, w / 2, h * 0.365, w * 0.86, h * 0.17, design.base)


def _rays(canvas: Canvas, product: Product) -> None:
    design, w, h = product.design, canvas.width, canvas.height
    canvas.image[:] = design.base
    reach, light = w + h, mixed(design.base, (255, 255, 255), 0.2)
    for step in range(12):
        a, b = step * np.pi / 6, (step + 0.5) * np.pi / 6
        fan = np.array([(0, 0), (np.cos(a), np.sin(a)), (np.cos(b), np.sin(b))]) * reach
        canvas.polygon(fan + spot(w / 2, h * 0.62), light)
    canvas.polygon(ellipse(w / 2, h * 0.72, w * 0.44, h * 0.23), design.paper)
    _pictures(canvas, product, w / 2, h * 0.71, min(w * 0.36, h * 0.2))
    _brand(canvas, product, w / 2, h * 0.12, w * 0.84, h * 0.16)
    canvas.polygon(rounded(w * 0.06, h * 0.25, w * 0.94, h * 0.44, h * 0.05), product.accent)
    _title(canvas, product, w / 2, h * 0.345, w * 0.8, h * 0.19, product.accent)


_LAYOUTS: dict[str, Callable[[Canvas, Product], None]] = {
    "medallion": _medallion, "split": _split, "panel": _panel, "diagonal": _diagonal,
    "stripes": _stripes, "wave": _wave, "frame": _frame, "rays": _rays,
}  # fmt: skip
