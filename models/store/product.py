"""Products of a synthetic shop: names, families and the design that makes each look its own."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from models.store.assortment import ADJECTIVES, BRANDS, CLAIMS, LINES, Colour, Flavour, Line
from models.store.vocabulary import WORDS

LAYOUTS = ("medallion", "split", "panel", "diagonal", "stripes", "wave", "frame", "rays")
PATTERNS = ("plain", "dots", "lines", "checks", "chevrons")
MARKS = ("circle", "ribbon", "oval", "plate", "bare", "shield")
SIBLINGS = 3
TWINS = 2  # pairs of families that share the house style of one brand


@dataclass(frozen=True)
class Design:
    """What siblings have in common; colours are RGB, 0-255."""

    brand: str
    package: str
    layout: str
    pattern: str
    mark: str
    base: Colour
    paper: Colour
    trim: Colour
    picture: str
    upper: bool


@dataclass(frozen=True)
class Product:
    """One product to sell; `family` is the item group that its look-alike siblings share."""

    id: str
    title: str
    description: str
    kind: str
    product_type: str
    family: str
    flavour: str
    motif: str
    accent: Colour
    claim: str
    price: str
    design: Design
    seed: int


def make_products(seed: int = 0, count: int = 48) -> list[Product]:
    """`count` products in families of look-alikes; the same seed gives the same products."""
    rng = np.random.default_rng([seed, 55])
    families = -(-count // SIBLINGS)
    lines = _pick_lines(rng, families)
    designs = _designs(rng, lines)
    products: list[Product] = []
    titles: set[str] = set()
    for number, (line, design) in enumerate(zip(lines, designs, strict=True)):
        members = min(SIBLINGS, count - len(products))
        adjective = str(rng.choice(ADJECTIVES)) if rng.random() < 0.35 else ""
        for flavour in _varied_flavours(rng, line, adjective, titles, members):
            products.append(_product(rng, len(products), number, line, flavour, adjective, design))
            titles.add(products[-1].title.lower())
    if len(products) < count:
        raise ValueError(f"the assortment has names for {len(products)} products, not {count}")
    return products


def _pick_lines(rng: np.random.Generator, families: int) -> list[Line]:
    rounds = -(-families // len(LINES))
    order = np.concatenate([rng.permutation(len(LINES)) for _ in range(rounds)])
    return [LINES[i] for i in order[:families]]


def _varied_flavours(
    rng: np.random.Generator, line: Line, adjective: str, taken: set[str], members: int
) -> list[Flavour]:
    free = [f for f in line.flavours if _title(line, f, adjective).lower() not in taken]
    order = rng.permutation(len(free))[:members]
    return [free[i] for i in order]


def _designs(rng: np.random.Generator, lines: list[Line]) -> list[Design]:
    """One design a family; some families borrow the house style of an earlier one."""
    brands = rng.permutation(BRANDS)
    hues = (np.arange(len(lines)) / len(lines) + rng.random()) % 1.0
    rng.shuffle(hues)
    designs = [
        _design(rng, line, str(brands[i % len(brands)]), float(hues[i]))
        for i, line in enumerate(lines)
    ]
    return _with_twins(lines, designs)


def _with_twins(lines: list[Line], designs: list[Design]) -> list[Design]:
    """Gives up to `TWINS` families the package and look of another line that fits the package."""
    twinned: set[int] = set()
    for a in range(len(lines)):
        for b in range(a + 1, len(lines)):
            shared = [p for p in lines[a].packages if p in lines[b].packages]
            if len(twinned) < 2 * TWINS and shared and not {a, b} & twinned:
                designs[a] = _repackaged(designs[a], shared[0])
                designs[b] = designs[a]
                twinned |= {a, b}
    return designs


def _repackaged(design: Design, package: str) -> Design:
    return Design(**{**design.__dict__, "package": package})


def _design(rng: np.random.Generator, line: Line, brand: str, hue: float) -> Design:
    paper = (250, 246, 236) if rng.random() < 0.7 else (255, 255, 255)
    base = _hsv(hue, rng.uniform(0.45, 0.9), rng.uniform(0.35, 0.92))
    # The trim carries the brand name and must stand out from the base.
    trim_value = rng.uniform(0.25, 0.5) if luma(base) > 120 else rng.uniform(0.8, 1.0)
    return Design(
        brand=brand,
        package=str(rng.choice(line.packages)),
        layout=str(rng.choice(LAYOUTS)),
        pattern=str(rng.choice(PATTERNS)),
        mark=str(rng.choice(MARKS)),
        base=base,
        paper=paper,
        trim=_hsv(hue + rng.choice([0.0, 0.08, 0.5]), rng.uniform(0.2, 0.8), trim_value),
        picture=str(rng.choice(("single", "trio", "row", "scatter"))),
        upper=bool(rng.random() < 0.5),
    )


def luma(colour: Colour) -> float:
    """Brightness of an RGB colour as the eye sees it, 0-255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def _title(line: Line, flavour: Flavour, adjective: str) -> str:
    words = [adjective, *flavour.words.split(), *line.kind.split()]
    # A flavour may repeat the adjective ("golden golden honey") or the kind ("honey honey").
    unique = [w for i, w in enumerate(words) if w and w not in words[:i]]
    return " ".join(unique).capitalize()


def _product(
    rng: np.random.Generator,
    index: int,
    number: int,
    line: Line,
    flavour: Flavour,
    adjective: str,
    design: Design,
) -> Product:
    title = _title(line, flavour, adjective)
    claim = str(rng.choice(CLAIMS))
    jitter = rng.integers(-14, 15, 3)
    accent = tuple(int(c) for c in np.clip(np.add(flavour.accent, jitter), 0, 255))
    return Product(
        id=f"sto-{index:03d}",
        title=title,
        description=f"{title} by {design.brand}, {claim}.",
        kind=line.kind,
        product_type=line.product_type,
        family=f"fam-{number:02d}",
        flavour=flavour.words,
        motif=flavour.motif,
        accent=(accent[0], accent[1], accent[2]),
        claim=claim,
        price=f"{rng.integers(1, 10)}.{rng.choice([19, 49, 79, 99])} EUR",
        design=design,
        seed=int(rng.integers(2**31)),
    )


def _check_words() -> None:
    spoken = [f.words for line in LINES for f in line.flavours] + [x.kind for x in LINES]
    missing = {w for text in (*spoken, *ADJECTIVES, *CLAIMS) for w in text.split()} - WORDS
    if missing:
        raise ValueError(f"words the speech model does not know: {sorted(missing)}")


_check_words()
