from __future__ import annotations

import errno
import io
import random
import struct
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from runtime.catalog import images
from runtime.catalog.images import MAX_PIXELS, decode_image, read_image
from runtime.errors import FeedError


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def gradient(width: int = 40, height: int = 30) -> Image.Image:
    values = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(values)


def png_header(width: int, height: int) -> bytes:
    """A few bytes that claim a size, as a decompression bomb does."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 10))


def refused(data: bytes) -> str:
    with pytest.raises(FeedError) as caught:
        decode_image(data, "line 7 (id x)")
    assert caught.value.what.startswith("line 7 (id x)")
    return str(caught.value)


def test_colours_are_bgr() -> None:
    got = decode_image(encoded(Image.new("RGB", (3, 2), (255, 128, 0))), "x")
    assert (got.shape, got.dtype) == ((2, 3, 3), np.uint8)
    assert got.flags.c_contiguous
    assert got[0, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
def test_kinds(kind: str, tmp_path: Path) -> None:
    data = encoded(Image.new("RGB", (8, 8), (200, 10, 10)), kind)
    (tmp_path / "wrong-name.html").write_bytes(data)
    image = read_image(tmp_path / "wrong-name.html", "x")
    assert image.data == data
    assert image.suffix == {"JPEG": ".jpg"}.get(kind, f".{kind.lower()}")
    np.testing.assert_allclose(decode_image(data, "x")[4, 4], [10, 10, 200], atol=6)


def test_jpeg_pixels_are_those_of_opencv() -> None:
    data = encoded(gradient(), "JPEG", quality=90)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decode_image(data, "x"), expected)


def test_grey_becomes_colour() -> None:
    assert decode_image(encoded(Image.new("L", (2, 2), 9)), "x")[0, 0].tolist() == [9, 9, 9]


def test_sixteen_bits_keep_their_high_byte() -> None:
    deep = Image.fromarray(np.full((2, 2), 0x1234, np.uint16))
    assert decode_image(encoded(deep), "x")[0, 0].tolist() == [0x12] * 3


def test_alpha_is_shown_on_white() -> None:
    clear = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    clear.putpixel((1, 0), (0, 0, 255, 255))
    assert decode_image(encoded(clear), "x").tolist() == [[[255, 255, 255], [255, 0, 0]]]


def test_a_transparent_palette_is_shown_on_white() -> None:
    palette = Image.new("P", (1, 1), 0)
    palette.putpalette([10, 20, 30])
    data = encoded(palette, transparency=0)
    assert decode_image(data, "x")[0, 0].tolist() == [255, 255, 255]


def test_grey_with_alpha_and_print_colours() -> None:
    assert decode_image(encoded(Image.new("LA", (1, 1), (0, 0))), "x")[0, 0].tolist() == [255] * 3
    white = encoded(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG")
    assert decode_image(white, "x")[4, 4].min() > 250


def test_a_turned_photo_is_set_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = Image.new("RGB", (40, 20), "black")
    wide.paste((255, 255, 255), (0, 0, 20, 20))
    got = decode_image(encoded(wide, "JPEG", exif=exif), "x")
    assert got.shape == (40, 20, 3)
    assert got[:18].min() > 200, "the white left half is on top"
    assert got[22:].max() < 50


def test_one_pixel_and_eight_thousand_squared() -> None:
    assert decode_image(encoded(Image.new("RGB", (1, 1))), "x").shape == (1, 1, 3)
    large = encoded(Image.new("1", (8000, 8000)))
    assert decode_image(large, "x").shape == (8000, 8000, 3)


@pytest.mark.parametrize("size", [(20_000, 20_000), (MAX_PIXELS + 1, 1), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_without_memory(size: tuple[int, int]) -> None:
    bomb = png_header(*size)
    tracemalloc.start()
    try:
        said = refused(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "too large" in said
    assert peak < 1_000_000


def test_a_bomb_is_refused_when_it_is_only_read(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(20_000, 20_000))
    with pytest.raises(FeedError, match="too large"):
        read_image(tmp_path / "bomb.png", "x")


def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in (tmp_path, tmp_path / "none.png"):
        with pytest.raises(FeedError, match="x cannot be read"):
            read_image(missing, "x")
    (tmp_path / "a.png").write_bytes(encoded(gradient()))

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # root is denied nothing
    with pytest.raises(FeedError, match="x cannot be read") as caught:
        read_image(tmp_path / "a.png", "x")
    assert caught.value.why == "Permission denied"


def test_a_huge_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 100)
    (tmp_path / "a.png").write_bytes(encoded(gradient()))
    with pytest.raises(FeedError, match="larger than"):
        read_image(tmp_path / "a.png", "x")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_truncated_files_are_refused(kind: str) -> None:
    data = encoded(gradient(), kind)
    refused(data[: len(data) // 2])


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\xff\xd8\xff", b"<svg/>", b"%!PS-Adobe-3.0 EPSF"]
)
def test_other_files_are_refused(data: bytes) -> None:
    said = refused(data)
    assert "empty" in said if not data else "not an image" in said


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
def test_damage_is_an_error_or_an_image_never_a_crash(kind: str) -> None:
    options = {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"}
    sound = encoded(gradient(), kind, **(options if kind in ("JPEG", "PNG", "WEBP") else {}))
    draw = random.Random(3)
    for _ in range(150):
        data = bytearray(sound)
        for _ in range(draw.randint(1, 8)):
            data[draw.randrange(min(len(data), draw.choice([60, 10_000])))] = draw.randrange(256)
        with suppress(FeedError):
            assert decode_image(bytes(data), "x").dtype == np.uint8
