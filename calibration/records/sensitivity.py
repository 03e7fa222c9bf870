"""What one block does to accuracy and latency."""

from __future__ import annotations

from dataclasses import dataclass

from calibration.records.measurement import Cosine
from export.precision.plan import Method
from models.evaluation.metrics import Estimate


@dataclass(frozen=True)
class Effect:
    """A plan beside the one that it differs from in one block.

    Attributes:
        query_cosine: of the plan's query vectors to those of FP32.
        cosine_change: mean query cosine minus that of the plan it differs from.
        r1_change: R@1 minus that of the plan it differs from, paired; None where not measured.
        saved_ms: milliseconds a step less than the plan it differs from, with interval; below 0 is
            slower. None where not measured.
        saved_bytes: likewise of the submodule's file.
    """

    query_cosine: Cosine
    cosine_change: float
    r1_change: Estimate | None
    saved_ms: Estimate | None
    saved_bytes: int


@dataclass(frozen=True)
class Sensitivity:
    """How much one block suffers from the lower precision.

    Attributes:
        submodule: its name.
        block: of `export.precision.blocks`; None for the whole submodule.
        alone: only this block is INT8, against FP32.
        held: everything else is INT8, against all INT8; None where all INT8 leaves this out.
    """

    submodule: str
    block: str | None
    alone: Effect
    held: Effect | None

    @property
    def name(self) -> str:
        """Submodule and block in short."""
        return self.submodule if self.block is None else f"{self.submodule}/{self.block}"

    @property
    def saved_ms(self) -> Estimate | None:
        """Milliseconds a step that INT8 in this block saves; below 0 it is slower.

        Among INT8 neighbours where that was measured: a block alone in INT8 also pays for changing
        precision on either side of it. None where nothing was timed.
        """
        if self.held is None or self.held.saved_ms is None:
            return self.alone.saved_ms
        held = self.held.saved_ms
        low, high = (None if bound is None else -bound for bound in (held.high, held.low))
        return Estimate(-held.value, low, high)

    @property
    def is_slower(self) -> bool:
        """Whether INT8 in this block surely makes a step slower."""
        saved = self.saved_ms
        return saved is not None and saved.high is not None and saved.high < 0


@dataclass(frozen=True)
class CalibrationComparison:
    """What a way to calibrate gives for the same plan.

    Attributes:
        method: minmax, entropy or percentile.
        pictures: how many it was calibrated with.
        seed: of their draw.
        query_cosine: to FP32.
        r1: None where not measured.
        r1_change: to FP32, paired; None where not measured.
    """

    method: Method
    pictures: int
    seed: int
    query_cosine: Cosine
    r1: Estimate | None
    r1_change: Estimate | None
