"""Energy from files as the kernel shows them; the hardware is absent."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from calibration.measurement.energy import energy_meter


def _rapl(folder: Path, microjoules: int, span: int = 1_000_000_000) -> Path:
    zone = folder / "intel-rapl:0"
    zone.mkdir(parents=True, exist_ok=True)
    (zone / "energy_uj").write_text(f"{microjoules}\n")
    (zone / "max_energy_range_uj").write_text(f"{span}\n")
    return folder


def _jetson(folder: Path, millivolts: int, milliamperes: int, label: str = "VDD_IN") -> Path:
    device = folder / "hwmon3"
    device.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "name": "ina3221",
        "in1_label": "VDD_CPU_GPU_CV",
        "in2_label": label,
        "in2_input": str(millivolts),
        "curr2_input": str(milliamperes),
    }.items():
        (device / name).write_text(text + "\n")
    return folder


def test_a_board_without_a_meter_reports_none(tmp_path: Path) -> None:
    assert energy_meter(tmp_path / "powercap", tmp_path / "hwmon") is None
    assert energy_meter(tmp_path, _jetson(tmp_path / "other", 1, 1, label="VDD_SOC")) is None


def test_the_counter_gives_the_joules_between(tmp_path: Path) -> None:
    meter = energy_meter(_rapl(tmp_path, 5_000_000), tmp_path)
    assert meter is not None
    with meter.measuring() as measured:
        _rapl(tmp_path, 7_500_000)
    assert measured.joules == 2.5


def test_a_counter_that_began_anew(tmp_path: Path) -> None:
    meter = energy_meter(_rapl(tmp_path, 9_000_000, span=10_000_000), tmp_path)
    assert meter is not None
    with meter.measuring() as measured:
        _rapl(tmp_path, 500_000, span=10_000_000)
    assert measured.joules == 1.5


def test_a_counter_that_went_away_gives_none(tmp_path: Path) -> None:
    meter = energy_meter(_rapl(tmp_path, 1), tmp_path)
    assert meter is not None
    with meter.measuring() as measured:
        (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    assert measured.joules is None


def test_the_sensor_gives_power_over_time(tmp_path: Path) -> None:
    meter = energy_meter(tmp_path / "none", _jetson(tmp_path, 5000, 2000))
    assert meter is not None
    begun = time.perf_counter()
    with meter.measuring() as measured:
        time.sleep(0.05)
    passed = time.perf_counter() - begun
    assert measured.joules is not None
    # Ten watts, over the time of the block and no longer.
    assert 0.5 <= measured.joules <= 10 * passed


def test_a_sensor_that_fails_gives_none_and_stops(tmp_path: Path) -> None:
    meter = energy_meter(tmp_path / "none", _jetson(tmp_path, 5000, 2000))
    assert meter is not None
    with pytest.raises(KeyError), meter.measuring() as measured:
        raise KeyError
    with meter.measuring() as measured:
        (tmp_path / "hwmon3" / "curr2_input").unlink()
        time.sleep(0.05)
    assert measured.joules is None
