from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from runtime.bundle import keys
from runtime.bundle.keys import (
    PrivateKey,
    PublicKey,
    generate_key,
    read_private_key,
    read_public_key,
    trusted_keys,
)
from runtime.errors import InputError, StorageError
from runtime.home import keys_folder


def unasked() -> bytes:
    raise AssertionError("no passphrase is needed")


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    generate_key(tmp_path / "release.pem", None)
    return tmp_path / "release.pem"


def test_what_a_key_signs_its_public_key_verifies(pair: Path) -> None:
    private, public = read_private_key(pair, unasked), read_public_key(pair.with_suffix(".pub"))
    signature = private.sign(b"data")
    assert private.public == public
    assert len(signature) == 64
    assert public.verifies(signature, b"data")
    assert not public.verifies(signature, b"Data")
    assert not public.verifies(signature[:-1] + bytes([signature[-1] ^ 1]), b"data")


def test_two_keys_differ(pair: Path, tmp_path: Path) -> None:
    assert generate_key(tmp_path / "other.pem", None) != read_public_key(pair.with_suffix(".pub"))


def test_only_the_owner_may_read_the_private_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        generate_key(tmp_path / "k.pem", None)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "k.pem").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["release.pem", "release.pub"])
def test_a_key_is_never_overwritten(pair: Path, name: str) -> None:
    before = {p: p.read_bytes() for p in pair.parent.iterdir()}
    other = "release.pub" if name == "release.pem" else "release.pem"
    (pair.parent / other).unlink()
    with pytest.raises(StorageError, match="exists already"):
        generate_key(pair, None)
    assert [p.name for p in pair.parent.iterdir()] == [name]
    assert (pair.parent / name).read_bytes() == before[pair.parent / name]


@pytest.mark.parametrize(
    ("name", "why"),
    [("key.pub", "public key beside"), ("none/key.pem", "no folder"), (".", "it is a folder")],
)
def test_where_no_private_key_can_be(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(StorageError) as caught:
        generate_key(tmp_path / name, None)
    assert why in caught.value.why
    assert not list(tmp_path.iterdir())


def test_no_half_pair_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = keys.create_file

    def full(path: Path, data: bytes, mode: int = 0o644) -> None:
        if path.suffix == ".pub":
            raise OSError(28, "No space left on device", str(path))
        real(path, data, mode)

    monkeypatch.setattr(keys, "create_file", full)
    with pytest.raises(OSError, match="No space"):
        generate_key(tmp_path / "k.pem", None)
    assert not list(tmp_path.iterdir())


def test_a_passphrase_protects(tmp_path: Path) -> None:
    place = tmp_path / "k.pem"
    public = generate_key(place, b"open sesame")
    assert b"ENCRYPTED" in place.read_bytes()
    assert read_private_key(place, lambda: b"open sesame").public == public
    with pytest.raises(InputError, match="passphrase is wrong"):
        read_private_key(place, lambda: b"sesame")


@pytest.mark.parametrize(
    "data", [b"", b"x" * 100, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_a_file_that_is_no_key(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "k").write_bytes(data)
    for read in (read_public_key, lambda place: read_private_key(place, unasked)):
        with pytest.raises(InputError, match="cannot be used"):
            read(tmp_path / "k")


def test_a_key_of_another_kind(tmp_path: Path) -> None:
    key = X25519PrivateKey.generate()
    private, public = tmp_path / "k.pem", tmp_path / "k.pub"
    private.write_bytes(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(InputError, match="Ed25519"):
        read_private_key(private, unasked)
    with pytest.raises(InputError, match="Ed25519"):
        read_public_key(public)


def test_a_private_key_is_no_public_one(pair: Path) -> None:
    with pytest.raises(InputError):
        read_public_key(pair)


def test_a_missing_or_huge_key(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_public_key(tmp_path / "none.pub")
    (tmp_path / "huge.pub").write_bytes(b"x" * 100_000)
    with pytest.raises(InputError, match="larger than"):
        read_public_key(tmp_path / "huge.pub")
    os.mkfifo(tmp_path / "pipe.pub")
    with pytest.raises(InputError, match="not a plain file"):
        read_public_key(tmp_path / "pipe.pub")


def test_the_devices_keys(pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SGMN_HOME", str(tmp_path / "home"))
    assert trusted_keys() == ()
    keys_folder().mkdir(parents=True)
    shutil.copy(pair.with_suffix(".pub"), keys_folder() / "maker.pub")
    (keys_folder() / "notes.txt").write_text("not a key")
    maker = read_public_key(pair.with_suffix(".pub"))
    other = generate_key(tmp_path / "other.pem", None)
    assert trusted_keys() == (maker,)
    assert trusted_keys([tmp_path / "other.pub"]) == (other,)
    (keys_folder() / "broken.pub").write_text("")
    with pytest.raises(InputError, match=r"broken\.pub"):
        trusted_keys()


def test_a_folder_of_keys_that_cannot_be_read(tmp_path: Path) -> None:
    """It must not pass for one without keys."""
    keys_folder().parent.mkdir(parents=True, exist_ok=True)
    keys_folder().write_text("")
    with pytest.raises(InputError, match=r"trusted keys in .* cannot be read") as caught:
        trusted_keys()
    assert "--key" in caught.value.fix


def test_the_known_answer_of_rfc_8032() -> None:
    """Section 7.1, test 2: signatures are those that every other program makes and checks."""
    secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    key = PrivateKey(Ed25519PrivateKey.from_private_bytes(secret))
    assert key.public.raw == public
    assert key.sign(b"r") == signature
    assert PublicKey(public).verifies(signature, b"r")
