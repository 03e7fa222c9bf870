"""The first lines of the page: what the figures mean, in plain words."""

from __future__ import annotations

from models.evaluation.evaluate import Evaluation
from models.evaluation.metrics import Estimate

LOOKS = {"fused": "pictures and speech", "image": "pictures alone", "text": "speech alone"}
VIEWS = {
    "L0": "clear view",
    "L1": "strangers among the pictures",
    "L2": "a second product in view",
    "L3": "small, covered or blurred",
}


def asked(one: Evaluation) -> str:
    """What a question is, for people."""
    question = one.question
    view = f" ({VIEWS[question.tier]})" if question.looks else ""
    return LOOKS[question.modality] + view


def headline(one: Evaluation) -> list[str]:
    """A few sentences about the answers to one question; labels are needed."""
    every = one.groups["all"]
    right = round(every.r1.value * every.clips)
    said = [
        f"The product shown came first for {right} of {every.clips} clips "
        f"among {one.gallery} products: {_share(every.r1)}.",
        _naming(one),
    ]
    if "novel" in one.groups and "seen" in one.groups:
        novel, seen = one.groups["novel"].r1, one.groups["seen"].r1
        said.append(
            f"Of products that the program was trained on with photos it found {_share(seen)}, of "
            f"products without {_share(novel)}."
        )
    if one.confidence and one.confidence.open_set:
        accepted = one.confidence.open_set.false_accept
        said.append(
            "If the product shown were missing from the catalog, the screen would wrongly name "
            f"another one for {_share(accepted)} of the clips."
        )
    return said


def _naming(one: Evaluation) -> str:
    every = one.groups["all"]
    if every.precision is None:
        return "The screen was never sure enough to name a product."
    return (
        f"The screen was sure enough to name a product for {_share(every.coverage)} of the clips; "
        f"{_share(every.precision)} of these names were right."
    )


def _share(value: Estimate) -> str:
    if value.low is None or value.high is None:
        return f"{_percent(value.value)} %"
    return f"{_percent(value.value)} % (likely {_percent(value.low)}–{_percent(value.high)} %)"


def _percent(part: float) -> str:
    return f"{part * 100:.0f}"
