from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.bundle.keys import PublicKey
from runtime.bundle.reader import open_bundle
from runtime.bundle.signature import Signature, Trust, sign_bundle
from runtime.bundle.writer import seal
from runtime.errors import BundleError, SignatureError
from tests.runtime.bundle.conftest import make_manifest
from tests.runtime.bundle.signing import MAKER, STRANGER, TRUST, put_manifest, signed_bundle


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    return signed_bundle(tmp_path / "signed")


def refused(folder: Path, *words: str, trust: Trust = TRUST) -> None:
    with pytest.raises(SignatureError) as caught:
        open_bundle(folder, trust)
    for word in words:
        assert word in str(caught.value)
    assert caught.value.fix


def test_a_signed_bundle_opens_and_names_its_key(signed: Path) -> None:
    assert open_bundle(signed, TRUST).signed_by == MAKER.public.id
    assert open_bundle(signed).signed_by is None  # nobody asked


def test_the_file_is_one_line_over_the_exact_bytes(signed: Path) -> None:
    kind, key, value = (signed / "manifest.sig").read_text().split()
    assert (kind, key) == ("ed25519", MAKER.public.id)
    assert MAKER.public.verifies(bytes.fromhex(value), (signed / "manifest.json").read_bytes())


def test_signing_does_not_change_the_digest(bundle_folder: Path) -> None:
    before = open_bundle(bundle_folder).digest
    sign_bundle(bundle_folder, MAKER)
    assert open_bundle(bundle_folder, TRUST).digest == before


def test_one_trusted_key_of_several_is_enough(signed: Path) -> None:
    both = Trust((STRANGER.public, MAKER.public))
    assert open_bundle(signed, both).signed_by == MAKER.public.id


def test_a_new_signature_replaces_the_old(signed: Path) -> None:
    sign_bundle(signed, STRANGER)
    refused(signed, "not trusted here")
    assert open_bundle(signed, Trust((STRANGER.public,)))


def test_without_a_signature(bundle_folder: Path) -> None:
    refused(bundle_folder, "not signed", "manifest.sig")
    assert open_bundle(bundle_folder, Trust((MAKER.public,), required=False)).signed_by is None


@pytest.mark.parametrize("required", [True, False])
def test_a_signature_that_is_there_must_be_right(signed: Path, required: bool) -> None:
    sign_bundle(signed, STRANGER)
    refused(signed, "not trusted here", trust=Trust((MAKER.public,), required=required))
    refused(signed, "none of the 0 trusted keys", trust=Trust((), required=required))


def test_a_strangers_signature_under_the_makers_name(signed: Path) -> None:
    data = (signed / "manifest.json").read_bytes()
    (signed / "manifest.sig").write_bytes(Signature(MAKER.public.id, STRANGER.sign(data)).line())
    refused(signed, "changed after it was signed")


def test_the_makers_signature_over_other_bytes(signed: Path, tmp_path: Path) -> None:
    other = signed_bundle(tmp_path / "other", "other")
    (other / "manifest.sig").replace(signed / "manifest.sig")
    refused(signed, "changed after it was signed")


@pytest.mark.parametrize("trust", [TRUST, Trust((MAKER.public,), required=False)])
@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"ed25519", b"rsa {id} {value}\n", b"ed25519 {id} {value}", b"ed25519 {id}\n",
     b"ed25519 {id} {value}\n\n", b"ed25519  {id} {value}\n", b"\xff" * 200],
)  # fmt: skip
def test_a_signature_of_unknown_form(signed: Path, line: bytes, trust: Trust) -> None:
    value = MAKER.sign((signed / "manifest.json").read_bytes()).hex().encode()
    filled = line.replace(b"{id}", MAKER.public.id.encode()).replace(b"{value}", value)
    (signed / "manifest.sig").write_bytes(filled)
    refused(signed, "cannot be read", trust=trust)


def test_a_signature_that_is_no_file(signed: Path, tmp_path: Path) -> None:
    (signed / "manifest.sig").rename(tmp_path / "elsewhere")
    (signed / "manifest.sig").symlink_to(tmp_path / "elsewhere")
    for trust in (TRUST, None):
        with pytest.raises(BundleError, match="symbolic link"):
            open_bundle(signed, trust)
    (signed / "manifest.sig").unlink()
    (signed / "manifest.sig").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BundleError, match="symbolic link"):
        open_bundle(signed)
    (signed / "manifest.sig").unlink()
    (signed / "manifest.sig").mkdir()
    with pytest.raises(BundleError, match="not a plain file"):
        open_bundle(signed)


def test_nothing_is_parsed_before_the_signature(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_manifest(signed, (signed / "manifest.json").read_bytes() + b" ", key=STRANGER)

    def parse(*_: object, **__: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(json, "loads", parse)
    refused(signed, "not trusted here")
    # The stand-in is what parses: without a check of signatures it is reached.
    with pytest.raises(AssertionError, match="parsed"):
        open_bundle(signed)


def test_a_damaged_bundle_is_not_signed(bundle_folder: Path) -> None:
    (bundle_folder / "tokenizer.json").write_text("[]")
    with pytest.raises(BundleError, match="damaged"):
        sign_bundle(bundle_folder, MAKER)
    assert not (bundle_folder / "manifest.sig").exists()


def test_sealing_takes_the_signature_away(signed: Path) -> None:
    seal(signed, make_manifest())
    assert not (signed / "manifest.sig").exists()


def test_keys_are_told_apart_by_all_their_bytes() -> None:
    raw = MAKER.public.raw
    assert PublicKey(raw[:-1] + bytes([raw[-1] ^ 1])).id != MAKER.public.id
