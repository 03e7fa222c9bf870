"""Energy as the board reports it.

Two sources: the processor's own counter (RAPL, in ``powercap``), which is exact over any span, and
the INA3221 sensor of Jetson boards (in ``hwmon``), whose power is sampled while steps run. Sources:
Linux, Documentation/power/powercap/powercap.rst; NVIDIA Jetson Linux Developer Guide, "Power
Monitoring".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

POWERCAP = Path("/sys/class/powercap")
HWMON = Path("/sys/class/hwmon")
SENSOR = "ina3221"
INPUTS = ("VDD_IN", "POM_5V_IN", "VIN_SYS_5V0")
"""Names of the rail that feeds a whole Jetson module, by generation."""

PERIOD_S = 0.02


@dataclass
class Measured:
    """Energy of a ``with`` block, known when it has ended; None where a reading failed."""

    joules: float | None = None


class EnergyMeter(Protocol):
    """Measures the energy of what runs in a block."""

    def measuring(self) -> AbstractContextManager[Measured]:
        """A ``with`` block whose energy is measured."""


def energy_meter(powercap: Path = POWERCAP, hwmon: Path = HWMON) -> EnergyMeter | None:
    """The board's meter; None where there is none that this user may read."""
    package = powercap / "intel-rapl:0"
    if _number(package / "energy_uj") is not None:
        return Counter(package)
    for device in sorted(hwmon.glob("hwmon*")):
        rail = _rail(device)
        if rail is not None:
            return Sampler(device, rail)
    return None


class Counter:
    """The processor's energy counter.

    Args:
        zone: its folder.
    """

    def __init__(self, zone: Path) -> None:
        self._zone = zone

    @contextmanager
    def measuring(self) -> Iterator[Measured]:
        """As `EnergyMeter.measuring`."""
        measured, begun = Measured(), _number(self._zone / "energy_uj")
        yield measured
        ended, span = _number(self._zone / "energy_uj"), _number(self._zone / "max_energy_range_uj")
        if begun is None or ended is None:
            return
        if ended < begun:  # the counter began anew
            if span is None:
                return
            ended += span
        measured.joules = (ended - begun) / 1e6


class Sampler:
    """A sensor of voltage and current, read now and then.

    Args:
        device: its folder.
        rail: number of the rail to read.
    """

    def __init__(self, device: Path, rail: int) -> None:
        self._device = device
        self._rail = rail

    @contextmanager
    def measuring(self) -> Iterator[Measured]:
        """As `EnergyMeter.measuring`."""
        measured, ended = Measured(), threading.Event()
        watts: list[float | None] = [self._power()]
        sampling = threading.Thread(target=self._sample, args=(watts, ended), daemon=True)
        begun = time.perf_counter()
        sampling.start()
        try:
            yield measured
        finally:
            seconds = time.perf_counter() - begun
            ended.set()
            sampling.join()
        known = [one for one in watts if one is not None]
        if len(known) == len(watts):
            measured.joules = sum(known) / len(known) * seconds

    def _sample(self, watts: list[float | None], ended: threading.Event) -> None:
        while not ended.wait(PERIOD_S):
            watts.append(self._power())

    def _power(self) -> float | None:
        volts = _number(self._device / f"in{self._rail}_input")
        amperes = _number(self._device / f"curr{self._rail}_input")
        return None if volts is None or amperes is None else volts * amperes / 1e6


def _rail(device: Path) -> int | None:
    try:
        if (device / "name").read_text(encoding="ascii").strip() != SENSOR:
            return None
        for label in sorted(device.glob("in*_label")):
            if label.read_text(encoding="ascii").strip() in INPUTS:
                return int(label.name.removeprefix("in").removesuffix("_label"))
    except (OSError, ValueError):
        return None
    return None


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
