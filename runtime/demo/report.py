"""The demo's result as JSON and as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runtime.demo.answer import Answer
from runtime.latency import summarise
from runtime.network import Network

COLUMNS = ("clip", "expected", "answer", "correct", "heard", "step p50", "p95")


def as_dict(answers: Sequence[Answer], network: Network, model: Path | None) -> dict[str, Any]:
    """JSON-ready fields.

    Args:
        answers: one a clip.
        network: what found them; open or closed.
        model: folder of the speech model, None where speech was off.
    """
    manifest = network.bundle.manifest
    return {
        "clips": [answer.as_dict() for answer in answers],
        "correct": sum(answer.correct for answer in answers),
        "total": len(answers),
        "speech": model.name if model else "off",
        "bundle": {
            "name": manifest.name,
            "version": manifest.version,
            "preset": manifest.preset,
            "precision": manifest.precision,
            "digest": network.bundle.digest,
        },
        "latency": summarise([moment for answer in answers for moment in answer.moments]),
    }


def row(answer: Answer) -> tuple[str, ...]:
    """One clip as cells for `COLUMNS`."""
    step = summarise(answer.moments)["total"]
    return (
        answer.clip.path.name,
        answer.clip.expected,
        answer.found or "not sure",
        "yes" if answer.correct else "no",
        answer.transcript or "-",
        f"{step['p50']:.1f} ms",
        f"{step['p95']:.1f} ms",
    )
