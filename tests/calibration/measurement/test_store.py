"""What is remembered, and what is not believed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from calibration.measurement.store import Store, digest_of, key_of


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Other:
    value: float


class Counting:
    """Makes a number and counts how often it was asked to."""

    def __init__(self, value: float = 0.1) -> None:
        self.value = value
        self.made = 0

    def __call__(self) -> Number:
        self.made += 1
        return Number(self.value)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "measurements")


def test_what_was_measured_once_is_not_measured_again(store: Store) -> None:
    make = Counting(0.1 + 0.2)
    first = store.remembered(Number, {"plan": "a"}, make)
    again = store.remembered(Number, {"plan": "a"}, make)
    assert first == again == Number(0.1 + 0.2)
    assert make.made == 1


@pytest.mark.parametrize("depends", [{"plan": "b"}, {"plan": "a", "machine": "x"}, {}])
def test_what_depends_on_anything_else_is_measured(store: Store, depends: dict[str, str]) -> None:
    make = Counting()
    store.remembered(Number, {"plan": "a"}, make)
    store.remembered(Number, depends, make)
    assert make.made == 2


def test_kinds_do_not_mix(store: Store) -> None:
    store.remembered(Number, {"plan": "a"}, Counting(1.0))
    other = store.remembered(Other, {"plan": "a"}, lambda: Other(2.0))
    assert other == Other(2.0)


def _entry(store: Store) -> Path:
    return store.place(key_of(Number, {"plan": "a"}))


DAMAGE = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "no text": lambda data: b"\xff\xfe" + data,
    "another value": lambda data: data.replace(b"0.1", b"0.9"),
    "another key": lambda data: data.replace(b'"key": "', b'"key": "0'),
    "a list": lambda data: b"[1, 2]",
    "a number": lambda data: b"3",
    "no record": lambda data: data.replace(b'"record"', b'"recorded"'),
    "a word for the value": lambda data: data.replace(b"0.1", b'"x"'),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_measured_again(store: Store, damage: str) -> None:
    make = Counting()
    store.remembered(Number, {"plan": "a"}, make)
    place = _entry(store)
    whole = place.read_bytes()
    changed = DAMAGE[damage](whole)
    assert changed != whole
    place.write_bytes(changed)
    assert store.remembered(Number, {"plan": "a"}, make) == Number(0.1)
    assert make.made == 2
    assert place.read_bytes() == whole


def test_an_entry_with_a_digest_but_no_fields_is_measured_again(store: Store) -> None:
    make = Counting()
    store.remembered(Number, {"plan": "a"}, make)
    entry = json.loads(_entry(store).read_text())
    entry["record"] = {"wrong": 1}
    entry["sha256"] = digest_of(entry["record"])
    _entry(store).write_text(json.dumps(entry))
    assert store.remembered(Number, {"plan": "a"}, make) == Number(0.1)


def test_an_entry_under_another_name_is_not_used(store: Store) -> None:
    store.remembered(Number, {"plan": "a"}, Counting(1.0))
    taken = store.place(key_of(Number, {"plan": "b"}))
    _entry(store).rename(taken)
    assert store.remembered(Number, {"plan": "b"}, lambda: Number(2.0)) == Number(2.0)


def test_a_failure_leaves_nothing(store: Store) -> None:
    def fail() -> Number:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        store.remembered(Number, {"plan": "a"}, fail)
    assert store.get(Number, key_of(Number, {"plan": "a"})) is None
