"""Telling what a sentence says of the product from what it says of another one.

"It is not the red apple", "do not mix it up with": the words behind such a cue name a product that
is not shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CUES = (
    r"not the",
    r"not (?:a|an|our|this|that|these|those)",
    r"(?:do not|don't|never) (?:mix|confuse|mistake|take)(?: (?:it|this|that|them))?"
    r"(?: up)?(?: with| for)?",
    r"(?:a )?(?:little |bit |slightly |quite |very )*different (?:from|than|to)",
    r"different (?:from|than|to)",
    r"unlike",
    r"instead of",
    r"rather than",
    r"as opposed to",
    r"other than",
    r"(?:no|isn't|aren't) (?:longer )?the",
)
_CUE = re.compile(rf"\b(?:{'|'.join(_CUES)})\b")
_RETURN = re.compile(
    r"[.;!?]|\b(?:but|this is|this one|here (?:is|we have)|from (?:before|earlier)|like before)\b"
)
LONGEST = 8
"""Words a denial may span; talk goes on about the product shown."""


@dataclass(frozen=True)
class Statement:
    """A text in two parts.

    Attributes:
        asserted: the text without denials and their cues.
        denied: the words behind the cues.
    """

    asserted: str
    denied: str


def split_denials(text: str) -> Statement:
    """Cut denials out of a text; letter case does not matter and is lost.

    A denial reaches from its cue to the next clause, at most `LONGEST` words.
    """
    rest, kept, denied = text.lower().replace("\u2019", "'"), [], []
    while cue := _CUE.search(rest):
        kept.append(rest[: cue.start()])
        behind = rest[cue.end() :]
        stop = _RETURN.search(behind)
        words = behind[: stop.start() if stop else None].split()
        span = " ".join(words[:LONGEST])
        denied.append(span)
        remaining = " ".join(words[LONGEST:])
        rest = remaining + " " + (behind[stop.end() :] if stop else "")
    kept.append(rest)
    return Statement(_joined(kept), _joined(denied))


def _joined(parts: list[str]) -> str:
    return " ".join(" ".join(parts).split())
