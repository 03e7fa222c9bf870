"""The synthetic shop: products, pictures, scenes, narration and the files of a build."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from models.store.artwork import shop_image
from models.store.build import COLUMNS, build_store
from models.store.narration import STYLES, narrate, spoken_words
from models.store.product import make_products
from models.store.scene import render_frames, render_views
from models.store.store import Store, open_store
from models.store.vocabulary import WORDS, unknown_words
from runtime.errors import DependencyError, UsageError

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="the program espeak-ng is not installed"
)


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store(0)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_store(tmp_path_factory.mktemp("store") / "out", seed=1, clips=1, count=6)


def test_demo_store_has_enough_products(store: Store) -> None:
    assert len(store.products) >= 40


@pytest.mark.parametrize("seed", range(20))
def test_titles_are_unique_and_speakable(seed: int) -> None:
    titles = [p.title for p in make_products(seed)]
    assert len(titles) == len(set(titles)) == 48
    assert not [t for t in titles if unknown_words(t)]


def test_products_depend_on_the_seed_only() -> None:
    assert make_products(3) == make_products(3)
    assert make_products(3) != make_products(4)


def test_too_many_products_are_refused() -> None:
    with pytest.raises(ValueError, match="names for"):
        make_products(0, 2000)


def test_siblings_share_family_design_and_kind(store: Store) -> None:
    for product in store.products:
        siblings = store.siblings(product)
        assert siblings
        assert {s.design for s in siblings} == {product.design}
        assert {s.kind for s in siblings} == {product.kind}
        assert product.title not in {s.title for s in siblings}


def test_some_families_look_alike(store: Store) -> None:
    designs = {p.family: p.design for p in store.products}
    assert len(set(designs.values())) < len(designs)


def test_shop_image_is_deterministic() -> None:
    first, again, other = make_products(0)[0], make_products(0)[0], make_products(1)[0]
    assert shop_image(first).tobytes() == shop_image(again).tobytes()
    assert shop_image(first).tobytes() != shop_image(other).tobytes()


def test_shop_images_are_on_white_and_differ(store: Store) -> None:
    images = [shop_image(p) for p in store.products]
    for image in images:
        assert image.shape == (400, 400, 3)
        assert image.dtype == np.uint8
        border = (image[:3], image[-3:], image[:, :3], image[:, -3:])
        assert min(int(edge.min()) for edge in border) == 255
        assert image.mean() < 250
    assert len({image.tobytes() for image in images}) == len(images)


def test_frames_move_and_repeat_exactly(store: Store) -> None:
    product = store.products[5]
    first = list(render_frames(product, store, 7, 5, (320, 180)))
    again = list(render_frames(product, store, 7, 5, (320, 180)))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert first[0].shape == (180, 320, 3)
    assert first[0].dtype == np.uint8
    assert all(np.abs(a.astype(int) - b).mean() > 1 for a, b in pairwise(first))


@pytest.mark.parametrize("size", [(320, 180), (224, 224), (180, 320), (1280, 720)])
def test_views_have_the_size_asked_for(store: Store, size: tuple[int, int]) -> None:
    views = render_views(store.products[0], store, 2, 2, size)
    assert [v.shape for v in views] == [(size[1], size[0], 3)] * 2
    assert not np.array_equal(*views)


def test_views_do_not_depend_on_what_was_drawn_before(store: Store) -> None:
    fresh = open_store(0)
    product = store.products[9]
    assert np.array_equal(
        render_views(product, store, 1, 1)[0], render_views(fresh.products[9], fresh, 1, 1)[0]
    )


def test_the_backdrop_never_shows_the_family(store: Store) -> None:
    for product in store.products:
        assert store.backdrops_without(product)


@pytest.mark.parametrize("style", STYLES)
def test_narration_uses_known_words(store: Store, style: str) -> None:
    for number, product in enumerate(store.products):
        text = narrate(product, store, np.random.default_rng(number), style)
        assert set(spoken_words(text)) <= WORDS
        assert (product.title.lower() in text) == (style in ("named", "sibling"))


def test_unknown_narration_style_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="shouted"):
        narrate(store.products[0], store, np.random.default_rng(0), "shouted")


def test_missing_espeak_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    from models.store import speech

    monkeypatch.setattr(speech.shutil, "which", lambda name: None)
    with pytest.raises(DependencyError, match="apt-get install espeak-ng"):
        speech.speak("hello", speech.Voice("en-us", 150, 50))


@needs_espeak
def test_speech_is_16_khz_mono() -> None:
    import io
    import wave

    from models.store.speech import Voice, speak

    sound = speak("this oat milk has no added sugar", Voice("en-us", 150, 50))
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        assert 1.0 < file.getnframes() / 16000 < 6.0


@needs_espeak
def test_build_writes_a_feed(built: Path) -> None:
    with (built / "catalog.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 6
    for row in rows:
        image = cv2.imread(str(built / row["image_link"]))
        assert image.shape == (400, 400, 3)


@needs_espeak
def test_build_writes_a_clip_with_sound(built: Path) -> None:
    line = json.loads((built / "clips.jsonl").read_text(encoding="utf-8"))
    path = built / line["clip"]
    assert path.stat().st_size <= 500_000
    reader = cv2.VideoCapture(str(path))
    frames = 0
    while reader.grab():
        frames += 1
    assert frames == 125
    assert (reader.get(cv2.CAP_PROP_FRAME_WIDTH), reader.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (
        640,
        360,
    )
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
        samples = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert abs(len(samples) / 16000 - 10.0) < 0.2
    assert np.abs(samples).max() > 0.05


@needs_espeak
def test_build_lists_the_digest_of_every_file(built: Path) -> None:
    manifest = json.loads((built / "store.json").read_text(encoding="utf-8"))
    files = {p.relative_to(built).as_posix() for p in built.rglob("*") if p.is_file()}
    assert set(manifest["files"]) == files - {"store.json"}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((built / name).read_bytes()).hexdigest() == digest


def test_build_refuses_a_folder_in_use(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("keep me")
    with pytest.raises(UsageError, match="not empty"):
        build_store(tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "keep me"
