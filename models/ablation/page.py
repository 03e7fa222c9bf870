"""A study as a page of Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.ablation.study import mean_and_deviation

COLUMNS = {
    "easy": "seen, easy",
    "hard": "seen, hard",
    "held": "left out",
    "val L0": "val L0",
    "val L3": "val L3",
}


def as_markdown(study: Mapping[str, Any]) -> str:
    """Two tables, pictures alone and with words: R@1 in percent, mean ± deviation over seeds."""
    figures = mean_and_deviation(study)
    seeds = sorted({seed for runs in study["arms"].values() for seed in runs}, key=int)
    machine = study["machine"]
    parts = [
        f"Seeds {', '.join(seeds)}; {study['folds']} folds of each; "
        f"{machine['cpu']}, {machine['cores']} cores; commit {study['git']['commit'][:12]}.",
        *(_table(figures, "image", "Pictures alone", list(COLUMNS)),),
        *(_table(figures, "fused", "Pictures and words", [*COLUMNS, "chatter"]),),
    ]
    return "\n\n".join(parts) + "\n"


def _table(
    figures: Mapping[str, Mapping[str, tuple[float, float]]],
    modality: str,
    title: str,
    groups: Sequence[str],
) -> str:
    names = [COLUMNS.get(group, group) for group in groups]
    lines = [f"**{title}**", "", f"| arm | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for arm, found in figures.items():
        cells = [_cell(found.get(f"{modality} {group}")) for group in groups]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(figure: tuple[float, float] | None) -> str:
    if figure is None:
        return "-"
    mean, deviation = figure
    return f"{100 * mean:.1f} ± {100 * deviation:.1f}"
