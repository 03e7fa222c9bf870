"""What the screen shows at one moment, frozen and JSON-ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from runtime.events import Candidate, Event
from runtime.version import __version__


class Phase(str, Enum):
    """Where the kiosk is in its life."""

    STARTING = "starting"
    LIVE = "live"
    CAMERA_LOST = "camera lost"


class Hearing(str, Enum):
    """What the microphone and the recognizer do."""

    OFF = "off"
    STARTING = "starting"
    ON = "on"
    LOST = "lost"
    NO_MODEL = "no model"


@dataclass(frozen=True)
class Speech:
    """The words heard lately: ``final`` stays, ``partial`` may still change."""

    final: str = ""
    partial: str = ""

    @property
    def text(self) -> str:
        """Both together."""
        return f"{self.final} {self.partial}".strip()


@dataclass(frozen=True)
class EngineInfo:
    """What computes the answers.

    Attributes:
        provider: what really runs the submodules, e.g. ``onnxruntime:CPUExecutionProvider``.
        precision: the bundle's precision plan, e.g. ``fp32``.
        bundle: name and version of the bundle.
        selection: outcome of the selection, e.g. ``tensorrt`` or ``fallback:no-driver``.
        detail: the device, or why it is not TensorRT.
        fix: what to do about it; empty where there is nothing to do.
        warnings: what works and is still worth a look.
    """

    provider: str = ""
    precision: str = ""
    bundle: str = ""
    selection: str = ""
    detail: str = ""
    fix: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attention:
    """Where the network looks in the newest frame.

    Attributes:
        side: patches along one side of the central square of the frame.
        weights: side x side values in [0, 1], row by row.
    """

    side: int
    weights: tuple[float, ...]


@dataclass(frozen=True)
class ClipCard:
    """One demo clip. What was expected is None until the engines have answered.

    Attributes:
        number: place in the list, from 0.
        name: file name without its folder.
        expected: product id of the clip list, told only after the answer.
        expected_title: its catalog title.
        answer: product id that the engines found, or None where they were not sure.
        answer_title: its catalog title.
        correct: None before the answer.
    """

    number: int
    name: str
    expected: str | None = None
    expected_title: str = ""
    answer: str | None = None
    answer_title: str = ""
    correct: bool | None = None


@dataclass(frozen=True)
class DemoView:
    """The demo's part of the screen.

    Attributes:
        clips: all clips in order.
        playing: number of the clip on the screen, None before the first.
        run: counts plays; the page starts the clip's sound anew when it changes.
        answered: whether the screen shows the answer to the whole clip.
    """

    clips: tuple[ClipCard, ...]
    playing: int | None = None
    run: int = 0
    answered: bool = False


@dataclass(frozen=True)
class Screen:
    """The whole screen at one moment.

    Attributes:
        phase: where the kiosk is in its life.
        hearing: microphone and recognizer.
        speech: the words heard lately.
        ranked: the latest step's products, best first.
        event: the latest decision.
        latency_ms: milliseconds by stage of the latest step.
        engine: what computes the answers.
        catalog_items: how many products there are.
        attention: over the latest frame, where known.
        demo: the demo's clips, None in a real kiosk.
        program: version of the distribution.
    """

    phase: Phase = Phase.STARTING
    hearing: Hearing = Hearing.OFF
    speech: Speech = Speech()
    ranked: tuple[Candidate, ...] = ()
    event: Event | None = None
    latency_ms: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    engine: EngineInfo = EngineInfo()
    catalog_items: int = 0
    attention: Attention | None = None
    demo: DemoView | None = None
    program: str = __version__

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "phase": self.phase.value,
            "hearing": self.hearing.value,
            "speech": {"final": self.speech.final, "partial": self.speech.partial},
            "ranked": [c.as_dict() for c in self.ranked],
            "event": self.event.as_dict() if self.event else None,
            "latency_ms": {stage: round(ms, 2) for stage, ms in self.latency_ms.items()},
            "engine": vars(self.engine).copy(),
            "catalog_items": self.catalog_items,
            "attention": vars(self.attention).copy() if self.attention else None,
            "demo": _demo_as_dict(self.demo) if self.demo else None,
            "program": self.program,
        }

    def obstacles(self) -> tuple[str, ...]:
        """Why the kiosk cannot answer now; empty where it can."""
        return () if self.phase is Phase.LIVE else (self.phase.value,)


def _demo_as_dict(view: DemoView) -> dict[str, Any]:
    return {**vars(view), "clips": [vars(card).copy() for card in view.clips]}
