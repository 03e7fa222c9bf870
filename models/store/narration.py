"""What a salesperson says about a product, in words that the speech model knows."""

from __future__ import annotations

import numpy as np

from models.store.assortment import CLAIMS
from models.store.product import Product
from models.store.store import Store

STYLES = ("named", "kind", "sibling", "chatter")

_PLURAL = ("beans", "biscuits", "cookies", "crisps", "nuts")
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_CENTS = {"19": "nineteen", "49": "forty nine", "79": "seventy nine", "99": "ninety nine"}
_PLACES = ("top shelf", "second shelf", "front window", "back of the store", "next aisle")
_STATES = (
    "on sale today", "in stock", "new in store", "from local farms", "available online",
    "very popular", "perfect for summer", "good for breakfast", "ready to eat",
)  # fmt: skip
_SMALL_TALK = (
    "hello everyone welcome to the store", "here is the new product from the top shelf",
    "this one is very popular", "this product is on sale today", "it is available online",
    "our customers like this brand", "it has a rich taste", "look at the label and the colour",
    "you can find it on the second shelf", "add it to the basket please",
    "this is the best seller today", "it is perfect for summer",
)  # fmt: skip


def narrate(product: Product, store: Store, rng: np.random.Generator, style: str = "named") -> str:
    """Two or three sentences about `product`, each ending in a full stop.

    `style` is one of `STYLES`: the full name, only the kind, the name told apart from a
    sibling, or chatter that names nothing.
    """
    if style == "named":
        sentences = _named(product, rng)
    elif style == "kind":
        sentences = _kind(product, rng)
    elif style == "sibling":
        sentences = _sibling(product, store, rng)
    elif style == "chatter":
        sentences = [str(s) for s in rng.choice(_SMALL_TALK, 3, replace=False)]
    else:
        raise ValueError(f"unknown narration style {style!r}; choose one of {', '.join(STYLES)}")
    return " ".join(f"{sentence}." for sentence in sentences)


def spoken_words(narration: str) -> list[str]:
    """The words of a narration as a recogniser would return them."""
    return narration.replace(".", " ").lower().split()


def _name(product: Product) -> str:
    return product.title.lower()


def _this(name: str) -> str:
    return "these" if name.split()[-1] in _PLURAL else "this"


def _is(name: str) -> str:
    return "are" if name.split()[-1] in _PLURAL else "is"


def _has(name: str) -> str:
    return "have" if name.split()[-1] in _PLURAL else "has"


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _price(product: Product) -> str:
    euros, cents = product.price.split()[0].split(".")
    return f"{_NUMBERS[int(euros) - 1]} euros {_CENTS[cents]}"


def _about(name: str, product: Product, rng: np.random.Generator) -> str:
    """A sentence that says `name` and something true of many products."""
    return _pick(rng, (
        f"{_this(name)} {name} {_has(name)} {_benefit(product)}",
        f"here {_is(name)} the {name} from the {_pick(rng, _PLACES)}",
        f"{_this(name)} {name} {_is(name)} {_pick(rng, _STATES)}",
        f"look at {_this(name)} {name} with {_benefit(product)}",
        f"the price of the {name} is {_price(product)}",
        f"you can find the {name} on the {_pick(rng, _PLACES)}",
    ))  # fmt: skip


def _benefit(product: Product) -> str:
    """A claim that can follow "has"; not every claim on a label can."""
    if product.claim in CLAIMS[:12]:
        return product.claim
    return "a rich taste"


def _more(product: Product, rng: np.random.Generator) -> str:
    """A sentence that names nothing."""
    return _pick(rng, (
        f"it has {_benefit(product)}",
        f"it is {_pick(rng, _STATES)}",
        "this one is very popular",
        "it is a best seller",
        "try it today",
    ))  # fmt: skip


def _named(product: Product, rng: np.random.Generator) -> list[str]:
    name = _name(product)
    return [_about(name, product, rng), _more(product, rng), _about(name, product, rng)]


def _kind(product: Product, rng: np.random.Generator) -> list[str]:
    return [_about(product.kind, product, rng), _more(product, rng)]


def _sibling(product: Product, store: Store, rng: np.random.Generator) -> list[str]:
    siblings = store.siblings(product)
    name = _name(product)
    if not siblings:
        return _named(product, rng)
    other = _name(siblings[int(rng.integers(len(siblings)))])
    contrast = _pick(rng, (
        f"{_this(name)} {_is(name)} the {name} not the {other}",
        f"here {_is(name)} the {name} not the {other}",
    ))  # fmt: skip
    return [contrast, _about(name, product, rng)]
