"""From checkpoint to sealed bundle, and the bundle in the runtime."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import export.bundle
from export.bundle import export_bundle
from export.commands import export as command
from export.onnx_files import write_onnx
from export.submodules import Part
from models.config import TINY
from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import open_bundle
from runtime.engines.settings import EngineSettings
from runtime.errors import ExportError, StorageError
from runtime.network import Network
from runtime.preprocess import frame_input, letterbox
from runtime.text import TextTokenizer
from tests.docs_json import keys
from tests.export.conftest import Exported
from tests.export.test_onnx_files import spoilt
from tests.models.made_up_shop import PRODUCTS


def test_the_bundle_is_sealed_and_opens(exported: Exported) -> None:
    manifest = open_bundle(exported.bundle).manifest
    assert manifest == exported.manifest
    assert (manifest.name, manifest.precision) == ("sgmn-tiny", "fp32")
    assert (manifest.frames, manifest.patches, manifest.shortlist) == (4, 49, 8)
    assert manifest.provenance["training"] == {"seed": 7}
    assert set(manifest.parity) == set(SUBMODULES)
    worst = [one["largest"] for outputs in manifest.parity.values() for one in outputs]
    assert max(worst) < 1e-4


def test_only_the_bundle_is_left(exported: Exported) -> None:
    hidden = [p.name for p in exported.bundle.parent.iterdir() if p.name.startswith(".")]
    assert hidden == []
    names = {p.relative_to(exported.bundle).as_posix() for p in exported.bundle.rglob("*.onnx")}
    assert names == {f"onnx/{name}.fp32.onnx" for name in SUBMODULES}


@pytest.fixture(scope="module")
def network(exported: Exported):  # type: ignore[no-untyped-def]
    with Network.open(exported.bundle, EngineSettings(threads=1)) as opened:
        yield opened


def test_the_runtime_answers_what_torch_answers(exported: Exported, network: Network) -> None:
    """The whole way: pictures and a sentence in, re-ranked scores out."""
    pictures, sentence = exported.samples.pictures[:3], "look at the red milk, it is fresh"
    ours, size = exported.network, TINY.image_size
    seen = np.stack([frame_input(p, size) for p in pictures])
    query = network.query(
        network.encode_frames(seen, [0.0, 0.5, 1.0]), network.encode_texts([sentence])
    )
    shelf = np.stack([letterbox(p, size, antialias=True) for p in exported.samples.pictures[3:7]])
    texts = [(title, about) for title, about, _ in PRODUCTS.values()]
    items = network.encode_items(shelf, texts)
    vectors, nodes = np.stack([i.item for i in items]), np.stack([i.nodes for i in items])
    scores = vectors @ query.vector
    reranked = network.rerank(query, vectors, nodes, scores)

    words = TextTokenizer.load(exported.tokenizer, TINY.text_tokens)
    with torch.inference_mode():
        said = _torch_text(exported, words, [sentence])
        cls, tokens = ours.frame_encoder(torch.from_numpy(seen))
        pad = TINY.frames - len(seen)
        mask = torch.tensor([[1.0] * len(seen) + [0.0] * pad])
        wide = torch.nn.functional.pad
        vector, query_nodes, patches, attention = ours.query_head(
            wide(cls, (0, 0, 0, pad))[None], wide(tokens, (0, 0, 0, 0, 0, pad))[None], mask, *said
        )
        titles = _torch_text(exported, words, [f"{t}. {a}" for t, a in texts])
        item, item_nodes = ours.item_head(*ours.frame_encoder(torch.from_numpy(shelf)), *titles)
        first = item @ vector[0]
        missing = TINY.shortlist - len(first)
        again = ours.reranker(
            vector,
            query_nodes,
            patches,
            mask,
            wide(item, (0, 0, 0, missing))[None],
            wide(item_nodes, (0, 0, 0, 0, 0, missing))[None],
            wide(first, (0, missing))[None],
            wide(torch.ones(len(first)), (0, missing))[None],
        )
    assert np.allclose(query.vector, vector[0], atol=1e-5)
    assert np.allclose(query.patches, patches, atol=1e-5)
    assert np.allclose(query.attention, attention[0], atol=1e-5)
    assert np.allclose(vectors, item, atol=1e-5)
    assert np.allclose(scores, first, atol=1e-5)
    assert np.allclose(reranked, again[0, : len(first)], atol=1e-4)
    assert not np.allclose(reranked, scores, atol=1e-3)


def _torch_text(
    exported: Exported, tokenizer: TextTokenizer, texts: list[str]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    batch = tokenizer.encode(texts)
    ids, mask = torch.from_numpy(batch.ids), torch.from_numpy(batch.mask)
    pooled, tokens = exported.network.text_encoder(ids, mask)
    pad = TINY.text_tokens - ids.shape[1]
    return (
        pooled,
        torch.nn.functional.pad(tokens, (0, 0, 0, pad)),
        torch.nn.functional.pad(mask.float(), (0, pad)),
    )


def test_silence_in_the_runtime_is_silence_in_torch(exported: Exported, network: Network) -> None:
    seen = frame_input(exported.samples.pictures[0], TINY.image_size)[None]
    query = network.query(network.encode_frames(seen, [0.0]), None)
    assert query.vector[TINY.visual_size] == 1, "one frame agrees with itself"
    assert not query.vector[TINY.visual_size + 1 :].any()
    assert np.allclose(query.attention, 1 / TINY.patches)


def test_an_existing_folder_is_refused_before_any_work(exported: Exported, tmp_path: Path) -> None:
    kept = tmp_path / "bundle"
    kept.mkdir()
    (kept / "mine").write_text("x")
    with pytest.raises(StorageError, match="exists already"):
        export_bundle(tmp_path / "none", exported.tokenizer, exported.samples, kept)
    assert [p.name for p in kept.iterdir()] == ["mine"]


def test_a_place_that_cannot_be_written_is_named(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    out = tmp_path / "file" / "bundle"
    with pytest.raises(StorageError, match="cannot make the folder") as caught:
        export_bundle(exported.checkpoint, exported.tokenizer, exported.samples, out)
    assert "--out" in caught.value.fix


def test_lost_parity_leaves_nothing(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiling(part: Part, folder: Path) -> Path:
        file = write_onnx(part, folder)
        return spoilt(file, file) if part.name == "item_head" else file

    monkeypatch.setattr(export.bundle, "write_onnx", spoiling)
    with pytest.raises(ExportError, match=r"item_head\.fp32\.onnx does not compute"):
        export_bundle(
            exported.checkpoint, exported.tokenizer, exported.samples, tmp_path / "bundle"
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", ["checkpoint", "tokenizer"])
def test_a_broken_source_leaves_nothing(exported: Exported, tmp_path: Path, broken: str) -> None:
    wrong, out = tmp_path / "wrong", tmp_path / "out" / "bundle"
    wrong.write_bytes(b"{}")
    sources = [exported.checkpoint, exported.tokenizer]
    sources[broken == "tokenizer"] = wrong
    with pytest.raises(ExportError, match=str(wrong)) as caught:
        export_bundle(*sources, exported.samples, out)
    assert ("--tokenizer" if broken == "tokenizer" else "sgmn train") in caught.value.fix
    assert list(out.parent.iterdir()) == []


def test_a_tokenizer_of_another_encoder_is_refused(exported: Exported, tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    fields = json.loads(exported.tokenizer.read_text())
    fields["model"]["vocab"]["milk"] = 9000
    large.write_text(json.dumps(fields))
    with pytest.raises(ExportError, match="tokenizer does not belong to the checkpoint"):
        export_bundle(exported.checkpoint, large, exported.samples, tmp_path / "bundle")


def test_the_command_exports(exported: Exported, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    arguments = [str(exported.checkpoint), "--out", str(out), "--feed", str(exported.feed)]
    arguments += ["--tokenizer", str(exported.tokenizer), "--json"]
    answer = CliRunner().invoke(command, arguments, catch_exceptions=False)
    said = json.loads(answer.stdout)
    assert set(said) == keys("export")
    assert said["bundle"] == str(out)
    assert 0 <= said["largest_difference"] < 1e-3
    assert open_bundle(out).manifest.preset == "tiny"
    again = CliRunner().invoke(command, arguments)
    assert isinstance(again.exception, StorageError)
