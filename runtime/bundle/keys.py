"""Ed25519 keys: one private at the maker of bundles, public ones on every device.

Files are PEM as OpenSSL writes them: PKCS 8 for private keys, SubjectPublicKeyInfo for public ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.bundle.files import create_file, open_plain
from runtime.errors import InputError, StorageError
from runtime.home import keys_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PUBLIC = ".pub"
MAX_KEY_BYTES = 1 << 16

Passphrase = Callable[[], bytes]
"""Asked for one only where a key is encrypted."""


@dataclass(frozen=True)
class PublicKey:
    """A key that signatures are checked with.

    Attributes:
        raw: its 32 bytes. Source: RFC 8032.
    """

    raw: bytes

    @property
    def id(self) -> str:
        """Hex SHA-256 of the raw key."""
        return hashlib.sha256(self.raw).hexdigest()

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether a signature of 64 bytes is this key's over exactly these bytes."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except InvalidSignature:
            return False
        return True


class PrivateKey:
    """A key that signs.

    Args:
        key: of the `cryptography` package.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def public(self) -> PublicKey:
        """The key that checks what this one signed."""
        return PublicKey(self._key.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(data)


def generate_key(place: Path, passphrase: bytes | None) -> PublicKey:
    """Write a new private key and, beside it, its public key with the suffix ``.pub``.

    Args:
        place: file of the private key, mode 0600.
        passphrase: encrypts the private key; None leaves it readable to whoever gets the file.

    Raises:
        StorageError: one of the files exists, both stay as they are; or none can be written there.
    """
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    _require_place(place)
    key = Ed25519PrivateKey.generate()
    how: s.KeySerializationEncryption = s.NoEncryption()
    if passphrase is not None:
        how = s.BestAvailableEncryption(passphrase)
    private = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, how)
    public = key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
    beside = place.with_suffix(PUBLIC)
    if beside.exists():
        raise _exists(beside)
    try:
        create_file(place, private, 0o600)
    except FileExistsError as error:
        raise _exists(place) from error
    try:
        create_file(beside, public)
    except BaseException:
        place.unlink()  # of no use without its public key, and in the way of the next try
        raise
    return PrivateKey(key).public


def read_private_key(place: Path, passphrase: Passphrase) -> PrivateKey:
    """Read a private key.

    Raises:
        InputError: it is missing, is no Ed25519 key, or the passphrase is wrong.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _read(place)
    try:
        try:
            key = load_pem_private_key(data, None)
        except TypeError:  # the package's way to say that the key is encrypted
            key = load_pem_private_key(data, passphrase())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(place, "it is no private key, or the passphrase is wrong") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable(place, "it is not an Ed25519 key")
    return PrivateKey(key)


def read_public_key(place: Path) -> PublicKey:
    """Read a public key.

    Raises:
        InputError: it is missing or no Ed25519 public key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_read(place))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(place, "it is not a public key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise _unusable(place, "it is not an Ed25519 key")
    return PublicKey(key.public_bytes_raw())


def trusted_keys(given: Sequence[Path] = ()) -> tuple[PublicKey, ...]:
    """The keys given, else all ``*.pub`` in the device's folder of keys.

    Raises:
        InputError: one of them is no public key, or the folder cannot be read.
    """
    return tuple(read_public_key(place) for place in given or _kept_keys(keys_folder()))


def _kept_keys(folder: Path) -> list[Path]:
    try:
        return sorted(place for place in folder.iterdir() if place.suffix == PUBLIC)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(
            f"the trusted keys in {folder} cannot be read",
            why=error.strerror or str(error),
            fix="make it a folder that this user may read, or name the keys with --key",
        ) from error


def _read(place: Path) -> bytes:
    try:
        with open_plain(place.resolve()) as source:
            data = source.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise _unusable(place, error.strerror or str(error)) from error
    if len(data) > MAX_KEY_BYTES:
        raise _unusable(place, f"it is larger than {MAX_KEY_BYTES} bytes")
    return data


def _require_place(place: Path) -> None:
    why = ""
    if place.is_dir():
        why = "it is a folder"
    elif not place.parent.is_dir():
        why = f"there is no folder {place.parent}"
    elif place.suffix == PUBLIC:
        why = f"{PUBLIC} is for the public key beside it"
    if why:
        raise StorageError(
            f"cannot write a private key to {place}",
            why=why,
            fix="name a file in a folder that is there, e.g. --out release.pem",
        )


def _unusable(place: Path, why: str) -> InputError:
    return InputError(
        f"the key {place} cannot be used",
        why=why,
        fix="give a file that `sgmn bundle keygen` wrote, whole; take others away from the "
        "folder of keys",
    )


def _exists(place: Path) -> StorageError:
    return StorageError(
        f"{place} exists already",
        why="a key is never overwritten, as what it signed could then not be checked",
        fix="name another --out",
    )
