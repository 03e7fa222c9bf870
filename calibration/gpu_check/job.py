"""What a section is asked, as JSON between two processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

PRECISIONS = ("int8", "fp16", "fp32")
"""From the quickest on, which is the order in which they are built."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Data(_Message):
    """Labelled clips, as `sgmn evaluate` takes them."""

    clips: Path
    root: Path
    catalog: Path
    distractors: Path | None = None
    enrol: Path | None = None


class Job(_Message):
    """What all sections share.

    Attributes:
        material: folder that `sgmn gpu-check prepare` made.
        work: folder of engines and of what else a section needs to write; kept between runs.
        presets: which networks.
        data: for accuracy; None where there is none.
        items: products of the catalog of a step.
        steps: of the memory section.
        rounds: of the latency sections.
        sizes: of the catalogs that are searched.
        workspace_mib: of `sgmn build`.
        seed: of all that is drawn.
    """

    material: Path
    work: Path
    presets: tuple[str, ...]
    data: Data | None = None
    items: int = 10_000
    steps: int = 10_000
    rounds: int = 100
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    workspace_mib: int = 1024
    seed: int = 0


class Request(_Message):
    """One section.

    Attributes:
        work: its function, as ``module:name``.
        options: of the function, by name.
        job: what all share.
        out: file that takes what it finds.
        limit_s: seconds that it may take; it ends itself before where it can.
    """

    work: str
    options: dict[str, Any]
    job: Job
    out: Path
    limit_s: float
