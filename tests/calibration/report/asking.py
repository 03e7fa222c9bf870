"""The command line of a report on the tiny network and the made-up shop."""

from __future__ import annotations

from pathlib import Path

from tests.export.conftest import Exported


def words(exported: Exported, out: Path, *more: str) -> list[str]:
    """Arguments after ``sgmn report``: quick, with few products and one plan beside FP32."""
    places = {
        "--clips": exported.root / "dev" / "clips_val.jsonl",
        "--root": exported.root,
        "--catalog": exported.feed,
        "--pictures": exported.root / "dev" / "images" / "train",
        "--out": out,
    }
    named = [str(word) for pair in places.items() for word in pair]
    return [str(exported.bundle), *named, "--items", "20", "--quick", "--plan", "fp16", *more]
