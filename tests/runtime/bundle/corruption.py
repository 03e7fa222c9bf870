"""Ways to spoil a bundle that its maker signed; seeded, so that a failure can be seen again."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime.bundle.signature import Signature
from tests.runtime.bundle.signing import MAKER, STRANGER, fields_of, put_manifest

MODEL = "onnx/text_encoder.fp32.onnx"
Damage = Callable[[Path, random.Random], None]


def files(folder: Path) -> list[Path]:
    return sorted(place for place in folder.rglob("*") if place.is_file())


def some_file(folder: Path, rng: random.Random) -> Path:
    return rng.choice(files(folder))


# What anybody can do who has the files and no key.


def flip_bits(folder: Path, rng: random.Random) -> None:
    place = some_file(folder, rng)
    data = bytearray(place.read_bytes())
    for position in rng.sample(range(len(data)), min(len(data), rng.randint(1, 5))):
        data[position] ^= 1 << rng.randrange(8)
    place.write_bytes(data)


def truncate(folder: Path, rng: random.Random) -> None:
    place = some_file(folder, rng)
    os.truncate(place, rng.randrange(place.stat().st_size))


def append(folder: Path, rng: random.Random) -> None:
    with some_file(folder, rng).open("ab") as target:
        target.write(rng.randbytes(rng.randint(1, 50)))


def swap(folder: Path, rng: random.Random) -> None:
    one, other = rng.sample(files(folder), 2)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def take_away(folder: Path, rng: random.Random) -> None:
    some_file(folder, rng).unlink()


def unsign(folder: Path, rng: random.Random) -> None:
    (folder / "manifest.sig").unlink()


def sign_by_stranger(folder: Path, rng: random.Random) -> None:
    """A whole bundle, changed, sealed and signed, only not by the maker."""
    fields = fields_of(folder)
    fields["version"] = f"9.{rng.randrange(100)}"
    put_manifest(folder, json.dumps(fields).encode(), key=STRANGER)


def forge_key_id(folder: Path, rng: random.Random) -> None:
    data = (folder / "manifest.json").read_bytes()
    line = Signature(MAKER.public.id, STRANGER.sign(data)).line()
    (folder / "manifest.sig").write_bytes(line)


def sign_other_bytes(folder: Path, rng: random.Random) -> None:
    line = Signature(MAKER.public.id, MAKER.sign(rng.randbytes(100))).line()
    (folder / "manifest.sig").write_bytes(line)


def link(folder: Path, rng: random.Random) -> None:
    place = some_file(folder, rng)
    outside = folder.with_name(folder.name + "-outside")
    shutil.copyfile(place, outside)
    place.unlink()
    place.symlink_to(rng.choice([outside, Path(os.path.relpath(outside, place.parent))]))


def link_to_device(folder: Path, rng: random.Random) -> None:
    place = some_file(folder, rng)
    place.unlink()
    place.symlink_to(rng.choice(["/dev/zero", "/dev/full", "/dev/stdin", "/proc/self/mem"]))


def pipe(folder: Path, rng: random.Random) -> None:
    place = some_file(folder, rng)
    place.unlink()
    os.mkfifo(place)


def folder_for_file(folder: Path, rng: random.Random) -> None:
    place = some_file(folder, rng)
    place.unlink()
    place.mkdir()


def unlisted(folder: Path, rng: random.Random) -> None:
    place = folder / rng.choice([".hidden", "onnx/more.onnx", "MANIFEST.JSON", "a/b/c", "x.plan"])
    place.parent.mkdir(parents=True, exist_ok=True)
    kind = rng.randrange(3)
    if kind == 0:
        place.write_bytes(rng.randbytes(10))
    elif kind == 1:
        place.symlink_to("/")
    else:
        os.mkfifo(place)


def huge(folder: Path, rng: random.Random) -> None:
    os.truncate(some_file(folder, rng), rng.choice([1 << 21, 1 << 32, 1 << 40]))  # sparse


# What only a maker with a fault, or a thief of the key, can do: the signature is right.


def rename_listed(folder: Path, rng: random.Random) -> None:
    name = rng.choice(
        [
            *("../outside", "/etc/passwd", "onnx/../../outside", "onnx/./x", "onnx//x", "", "."),
            *("..", "a\\..\\b", "C:\\x", "x\0y", "x\ny", "caf\u00e9", "\ud800", "a b", "-rf", "~"),
            *(".hidden", "x" * 300, "/".join("y" * 150), "manifest.sig", "manifest.json"),
            *("Manifest.JSON", MODEL.upper(), "Tokenizer.json", "\u202egnp.x", "CON/../x"),
        ]
    )
    fields = fields_of(folder)
    if rng.random() < 0.5:
        fields["files"][name] = fields["files"][MODEL]
    else:
        part = rng.choice(list(fields["submodules"].values()))
        part["file"] = name
    put_manifest(folder, json.dumps(fields).encode())


def lie_about_size(folder: Path, rng: random.Random) -> None:
    fields = fields_of(folder)
    entry = rng.choice(list(fields["files"].values()))
    entry["size_bytes"] = rng.choice([0, 1, -1, 2**31, 2**62, 2**70, 1e300, 1.5, "250x", None])
    put_manifest(folder, json.dumps(fields).encode())


def lie_about_digest(folder: Path, rng: random.Random) -> None:
    fields = fields_of(folder)
    entry = rng.choice(list(fields["files"].values()))
    entry["sha256"] = rng.choice(
        [rng.randbytes(32).hex(), entry["sha256"].upper() + "0", "", "0" * 63, None, "../x"]
    )
    put_manifest(folder, json.dumps(fields).encode())


def odd_json(folder: Path, rng: random.Random) -> None:
    text = (folder / "manifest.json").read_text()
    odd = [
        text.replace('"name":', '"name": "first", "name":'),
        text.replace('"size_bytes":', '"size_bytes": 1, "size_bytes":', 1),
        text.replace('"files":', '"files": {}, "files":'),
        text.replace('"temperature": 1.0', '"temperature": NaN'),
        text.replace('"temperature": 1.0', '"temperature": Infinity'),
        text.replace('"temperature": 1.0', '"temperature": 1e999'),
        text.replace('"temperature": 1.0', '"temperature": -1'),
        text.replace('"parity": {}', '"parity": {"x": NaN}'),
        text.replace('"parity": {}', '"parity": ' + '{"x":' * 50_000 + "1" + "}" * 50_000),
        text.replace('"parity": {}', '"parity": {"x": ' + "9" * 10_000 + "}"),
        "[" * 200_000,
        text + "x",
        "\ufeff" + text,
        text[: rng.randrange(len(text) - 2)],
        "null",
        "",
    ]
    put_manifest(folder, rng.choice(odd).encode())


def odd_bytes(folder: Path, rng: random.Random) -> None:
    text = (folder / "manifest.json").read_text()
    data = [text.encode("utf-16"), text.encode("utf-32"), text.encode() + b"\xff", b"\0" * 100]
    put_manifest(folder, rng.choice(data))


def odd_fields(folder: Path, rng: random.Random) -> None:
    fields: Any = fields_of(folder)
    kind = rng.randrange(7)
    if kind == 0:
        del fields[rng.choice(["submodules", "files", "decision", "text", "schema_version"])]
    elif kind == 1:
        fields["invented"] = 1
    elif kind == 2:
        fields["schema_version"] = rng.choice([0, 1, 3, -1, True, "2", 2.0, None, 10**30])
    elif kind == 3:
        fields["submodules"].pop("reranker")
    elif kind == 4:
        fields["tensorrt"] = {"reranker": fields["submodules"]["reranker"]}
    elif kind == 5:
        fields["self_test"] = {
            "file": "none.npz",
            "tolerance": dict.fromkeys(fields["submodules"], 1),
        }
    else:
        fields["created_at"] = rng.choice(["yesterday", 5, "2026-01-01T00:00:00+01:00"])
    put_manifest(folder, json.dumps(fields).encode())


BY_ANYBODY: tuple[Damage, ...] = (
    *(flip_bits, truncate, append, swap, take_away, unsign, sign_by_stranger, forge_key_id),
    *(sign_other_bytes, link, link_to_device, pipe, folder_for_file, unlisted, huge),
)
BY_A_KEY_HOLDER: tuple[Damage, ...] = (
    *(rename_listed, lie_about_size, lie_about_digest, odd_json, odd_bytes, odd_fields),
)
