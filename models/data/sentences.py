"""What a salesperson may say about a product, with the errors a recogniser makes."""

from __future__ import annotations

import re

import numpy as np

from models.data.corpus import CorpusItem

_NAMED = (
    "this is the {title} {about}",
    "here we have {title} {about}",
    "let me show you our {title} {about}",
    "the {title} is {about}",
    "{title} {about} take a look",
    "{title}",
)
_KIND = (
    "this {kind} is {about}",
    "i really like this {kind} {about}",
    "look at the {kind} {about}",
    "{about}",
)
_OTHER = ("this is not the {other}", "unlike the {other}", "we also have the {other}")
CHATTER = (
    "welcome everyone have a look at this",
    "you can order it right now",
    "let me bring it closer to the camera",
    "this one sells out fast",
    "tell me in the chat what you think",
)
_FILLERS = ("um", "well", "so", "okay", "right", "you know")


def say(item: CorpusItem, others: list[CorpusItem], rng: np.random.Generator) -> str:
    """One sentence about a product as it is spoken: it is named, only its kind is, or neither.

    Args:
        item: the product.
        others: look-alikes that may be mentioned as not meant.
        rng: source of randomness.
    """
    style = rng.random()
    if style < 0.12:
        return CHATTER[rng.integers(len(CHATTER))]
    templates = _NAMED if style < 0.62 else _KIND
    template = templates[rng.integers(len(templates))]
    words = template.format(title=item.title, kind=item.kind, about=_span(item.description, rng))
    if others and rng.random() < 0.25:
        other = others[rng.integers(len(others))]
        words += " " + _OTHER[rng.integers(len(_OTHER))].format(other=other.title)
    return words.strip() or item.title


def speak(item: CorpusItem, others: list[CorpusItem], rng: np.random.Generator) -> str:
    """One sentence about a product, as `say`, with the errors a recogniser makes."""
    return misheard(say(item, others, rng), rng)


def misheard(text: str, rng: np.random.Generator, rate: float = 0.12) -> str:
    """Words lost, cut or with fillers between them, as recognisers write them."""
    heard: list[str] = []
    for word in re.findall(r"[^\W_]+", text.lower()):
        chance = rng.random()
        if chance < rate * 0.5:
            continue
        if chance < rate * 0.75 and len(word) > 4:
            word = word[1:] if rng.random() < 0.5 else word[:-1]
        heard.append(word)
        if rng.random() < rate * 0.4:
            heard.append(_FILLERS[rng.integers(len(_FILLERS))])
    return " ".join(heard) or text.lower()


def _span(description: str, rng: np.random.Generator) -> str:
    words = description.split()
    if not words:
        return ""
    length = int(rng.integers(3, 9))
    start = int(rng.integers(0, max(1, len(words) - length)))
    return " ".join(words[start : start + length])
