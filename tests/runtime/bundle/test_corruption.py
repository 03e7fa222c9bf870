"""500 spoilt bundles: all refused, none parsed before it was verified, the old one in use."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from tokenizers import Tokenizer

from runtime.bundle.install import install_bundle
from runtime.bundle.reader import open_bundle
from runtime.bundle.self_test import Check
from runtime.bundle.shipped import shipped_bundle
from runtime.bundle.store import BundleStore
from runtime.errors import BundleError
from runtime.network import Network
from tests.runtime.bundle.corruption import BY_A_KEY_HOLDER, BY_ANYBODY, Damage, flip_bits
from tests.runtime.bundle.signing import TRUST, passes, signed_bundle

COUNT = 500
SEED = 20
GROUPS = 10


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    """With a bundle in use that has no file in common with the spoilt ones."""
    store = BundleStore(tmp_path / "bundles")
    install_bundle(signed_bundle(tmp_path / "old", "old"), store, TRUST, self_test=passes)
    return store


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the parsers that a file of a bundle was given to; none may be, so none works."""
    calls: list[str] = []

    def refuse(name: str) -> Any:
        def parse(*_: Any, **__: Any) -> None:
            calls.append(name)
            raise AssertionError(f"{name} before verification")

        return parse

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse("ONNX Runtime"))
    monkeypatch.setattr(Tokenizer, "from_file", refuse("tokenizer"))
    monkeypatch.setattr(Tokenizer, "from_str", refuse("tokenizer"))
    monkeypatch.setattr(Tokenizer, "from_buffer", refuse("tokenizer"))
    monkeypatch.setattr(np, "load", refuse("NumPy"))
    return calls


@pytest.fixture
def read_json(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the JSON parser was given."""
    real, given = json.loads, []

    def loads(text: str | bytes, **options: Any) -> Any:
        given.append(text.encode() if isinstance(text, str) else text)
        return real(text, **options)

    monkeypatch.setattr(json, "loads", loads)
    return given


def never_run(folder: Path) -> list[Check]:
    raise AssertionError("a spoilt bundle reached its self-test")


def damages(rng: random.Random, count: int) -> list[Damage]:
    """Every kind once, then more of them by chance."""
    kinds = [*BY_ANYBODY, *BY_A_KEY_HOLDER]
    return kinds + rng.choices(kinds, k=count - len(kinds))


def put(folder: Path, store: BundleStore) -> None:
    install_bundle(folder, store, TRUST, self_test=never_run)


def refusal(attempt: Callable[..., object], *given: object) -> BundleError | None:
    try:
        attempt(*given)
    except BundleError as error:
        return error
    return None


@pytest.mark.parametrize("group", range(GROUPS))
def test_spoilt_bundles_are_refused_unread(
    tmp_path: Path, store: BundleStore, loaded: list[str], read_json: list[bytes], group: int
) -> None:
    rng = random.Random(SEED + group)
    good = signed_bundle(tmp_path / "good", "good")
    manifest = (good / "manifest.json").read_bytes()
    current, before = store.installed(), sorted(store.folder.rglob("*"))
    known = {place.read_bytes() for place in store.folder.rglob("manifest.json")}
    known |= {manifest, (shipped_bundle() / "manifest.json").read_bytes()}
    seen: Counter[str] = Counter()
    for number, damage in enumerate(damages(rng, COUNT // GROUPS)):
        spoilt = tmp_path / f"spoilt-{number}"
        shutil.copytree(good, spoilt)
        damage(spoilt, rng)
        read_json.clear()
        told = f"{damage.__name__}, number {number} of group {group}"
        errors = [refusal(open_bundle, spoilt, TRUST), refusal(put, spoilt, store)]
        assert all(error is not None and error.fix for error in errors), told
        if damage in BY_ANYBODY:
            # To tell their age, the manifests in use are read as well; they are in `known`.
            assert {text for text in read_json if b'"submodules"' in text} <= known, told
        assert store.installed() == current, told
        assert sorted(store.folder.rglob("*")) == before, told
        seen[damage.__name__] += 1
    assert sum(seen.values()) == COUNT // GROUPS
    assert set(seen) == {d.__name__ for d in (*BY_ANYBODY, *BY_A_KEY_HOLDER)}
    assert not loaded
    assert open_bundle(store.place(current.current or ""), TRUST)


def test_the_good_bundle_is_accepted(
    tmp_path: Path, store: BundleStore, loaded: list[str], read_json: list[bytes]
) -> None:
    """What the spoilt ones came from has no fault, and the watched parsers are the real ones."""
    good = signed_bundle(tmp_path / "good", "good")
    install_bundle(good, store, TRUST, self_test=passes)
    assert (good / "manifest.json").read_bytes() in read_json
    with pytest.raises(BundleError, match="tokenizer before verification"):
        Network.open(good)
    assert loaded == ["tokenizer"]


def test_a_network_does_not_load_what_is_spoilt(tmp_path: Path, loaded: list[str]) -> None:
    good = signed_bundle(tmp_path / "good")
    (good / "manifest.sig").unlink()
    for number in range(30):
        spoilt = tmp_path / f"spoilt-{number}"
        shutil.copytree(good, spoilt)
        flip_bits(spoilt, random.Random(number))
        with pytest.raises(BundleError):
            Network.open(spoilt)
    assert not loaded
