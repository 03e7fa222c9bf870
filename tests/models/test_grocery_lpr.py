"""GroceryLPR manifests and pictures."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from models.data.grocery_lpr import read_clips, render, shop_images
from runtime.errors import ClipListError, FeedError

FRAME = {"src": "a.png", "visible": 1, "crop": [0, 0, 1], "gain": 1, "rot": 0}


def _line(**changes: Any) -> dict[str, Any]:
    labels = {"product_id": "p1", "novel": 1, "domain": "Fruit", "asr_kind": "named"}
    texts = {"text_clean": "an apple", "text_asr": "a apple"}
    return {"clip_id": "c1", **labels, **texts, "tiers": {"L0": [FRAME]}, "unheard": 3} | changes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), photo)
    return tmp_path


def _write(root: Path, *lines: dict[str, Any] | str) -> Path:
    manifest = root / "clips.jsonl"
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    manifest.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return manifest


def test_reads_labels_and_recipes(root: Path) -> None:
    (clip,) = read_clips(_write(root, _line()), root)
    assert (clip.clip_id, clip.product_id, clip.novel, clip.asr_kind) == ("c1", "p1", True, "named")
    assert clip.text("text_asr") == "a apple"
    assert clip.text("text_clean") == "an apple"
    assert clip.frames("L0")[0].crop == (0.0, 0.0, 1.0)


def test_a_manifest_with_a_byte_order_mark_and_windows_line_ends_is_read(root: Path) -> None:
    manifest = _write(root, _line())
    manifest.write_bytes(b"\xef\xbb\xbf" + manifest.read_bytes().replace(b"\n", b"\r\n"))
    (clip,) = read_clips(manifest, root)
    assert clip.clip_id == "c1"


def test_a_manifest_without_labels_is_read(root: Path) -> None:
    bare = {"clip_id": "c1", "text_asr": "a apple", "tiers": {"L0": [FRAME]}}
    (clip,) = read_clips(_write(root, bare), root)
    assert clip.product_id is None
    assert clip.novel is None
    with pytest.raises(ClipListError, match="text_clean"):
        clip.text("text_clean")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "EOF"),
        ({"clip_id": "c2"}, "tiers: Field required"),
        (_line(clip_id="c2", tiers={"L7": [FRAME]}), "L7"),
        (_line(clip_id="c2", tiers={"L0": []}), "tiers.L0"),
        (_line(clip_id="c2", tiers={"L0": [FRAME | {"crop": [0, 0]}]}), "crop"),
        (_line(clip_id="c2", tiers={"L0": [FRAME | {"gain": "much"}]}), "gain"),
        (_line(clip_id="c2", tiers={"L0": [FRAME | {"src": "no.png"}]}), "no photo no.png"),
        (_line(clip_id="c1"), "occurs twice"),
    ],
)
def test_a_wrong_line_is_named_by_number(root: Path, line: dict[str, Any] | str, said: str) -> None:
    with pytest.raises(ClipListError) as caught:
        read_clips(_write(root, _line(), "", line), root)
    assert "line 3 " in caught.value.what
    assert said in caught.value.why


def test_an_empty_or_missing_manifest_is_an_error(root: Path) -> None:
    with pytest.raises(ClipListError, match="no clips"):
        read_clips(_write(root, ""), root)
    with pytest.raises(ClipListError, match="cannot read the manifest"):
        read_clips(root / "none.jsonl", root)


def test_only_the_asked_tier_must_be_there(root: Path) -> None:
    lost = {"L0": [FRAME], "L1": [FRAME | {"src": "no.png"}]}
    manifest = _write(root, _line(tiers=lost))
    assert len(read_clips(manifest, root, "L0")) == 1
    with pytest.raises(ClipListError, match=r"no photo no\.png"):
        read_clips(manifest, root, "L1")
    with pytest.raises(ClipListError, match="no tier L2"):
        read_clips(manifest, root, "L2")


def test_renders_size_and_gain(root: Path) -> None:
    dark = _line(tiers={"L0": [FRAME, FRAME | {"gain": 0.5}]})
    (clip,) = read_clips(_write(root, dark), root)
    plain, half = render(clip, "L0", root, size=32)
    assert plain.shape == (32, 32, 3)
    assert plain.dtype == np.uint8
    assert np.array_equal(half, plain // 2)


def test_pastes_come_from_the_given_catalog(root: Path) -> None:
    cv2.imwrite(str(root / "red.png"), np.full((9, 9, 3), (0, 0, 200), np.uint8))
    (root / "feed.csv").write_text("id,title,description,image_link\nx,X,,red.png\n")
    paste = FRAME | {"paste": [{"product_id": "x", "box": [0, 0, 0.5], "rot": 0}]}
    (clip,) = read_clips(_write(root, _line(tiers={"L0": [paste]})), root)
    (picture,) = render(clip, "L0", root, size=64, images=shop_images(root / "feed.csv"))
    assert picture[16, 16].tolist() == [0, 0, 200]
    with pytest.raises(ClipListError, match="x cannot be pasted"):
        render(clip, "L0", root, images={})
    with pytest.raises(FeedError, match=r"no file .*dev"):
        render(clip, "L0", root)


def test_an_impossible_recipe_and_a_broken_photo_are_errors(root: Path) -> None:
    (root / "b.png").write_bytes(b"not a picture")
    tiers = {"L0": [FRAME | {"crop": [1, 1, 0]}], "L1": [FRAME | {"src": "b.png"}]}
    (clip,) = read_clips(_write(root, _line(tiers=tiers)), root)
    with pytest.raises(ClipListError, match="cannot be rendered"):
        render(clip, "L0", root)
    with pytest.raises(ClipListError, match=r"cannot read the photo .*b\.png"):
        render(clip, "L1", root)


def test_torch_is_not_needed() -> None:
    code = "import sys, models.data.grocery_lpr; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _reference(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("render_clip", folder / "render_clip.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("tier", ["L0", "L1", "L2", "L3"])
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the reference leaves its catalog open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_pictures_equal_the_reference_renderer(assets: Path, tier: Any) -> None:
    root = assets / "data" / "grocery_lpr"
    manifest = root / "dev" / "clips_val.jsonl"
    reference = _reference(root)
    lines = manifest.read_text(encoding="utf-8").splitlines()
    for number, clip in list(enumerate(read_clips(manifest, root, tier)))[::8]:
        expected = reference.render(json.loads(lines[number]), tier, str(root), 160)
        found = render(clip, tier, root, size=160)
        assert len(found) == len(expected) == 8
        for ours, theirs in zip(found, expected, strict=True):
            assert np.array_equal(ours, theirs), clip.clip_id
