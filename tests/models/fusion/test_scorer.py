"""The pair scorer: cheap, exact, and independent of what else is scored."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from export.onnx_files import write_onnx
from export.parity import require
from export.submodules import Part, Port
from models.config import TINY
from models.fusion.scorer import SelectiveFusion
from models.fusion.tokens import MeanWordFusion, WordFusion
from models.heads.norms import MASKED, unit
from tests.models.tiny_network import item_inputs, query_inputs, stirred

G, M, T = TINY.node_size, TINY.item_nodes, TINY.frames
Clip = tuple[Tensor, Tensor, Tensor]


@pytest.fixture(params=[False, True], ids=["words as keys", "single key"])
def fusion(request: pytest.FixtureRequest) -> SelectiveFusion:
    torch.manual_seed(0)
    return stirred(SelectiveFusion(TINY, single_key=request.param)).eval()


def _item_arguments(count: int = 5, words: int = 4) -> dict[str, Tensor]:
    made = item_inputs(TINY, count=count, words=words)
    return {
        "patches": made["tokens"],
        "node": unit(torch.randn(count, G)),
        "words": made["title_tokens"],
        "words_mask": made["title_mask"],
    }


def _clip_arguments(batch: int = 1, frames: int = 3, words: int = 3) -> dict[str, Tensor]:
    made = query_inputs(TINY, batch=batch, frames=frames, words=words)
    return {
        "patches": made["tokens"],
        "nodes": unit(torch.randn(batch, T, G)),
        "frame_mask": made["frame_mask"],
        "words": made["text_tokens"],
        "words_mask": made["text_mask"],
    }


def _full(fusion: SelectiveFusion, items: dict[str, Tensor], clip: dict[str, Tensor]) -> Tensor:
    """The score as published: every row of every item through the last block, pair by pair.

    Written without the module's split: padded frames are cut out, the clip's tokens are repeated
    for each item, and attention goes head by head.
    """
    query, pair = fusion.query, fusion.pair
    tokens = query.tokens(clip["patches"], clip["nodes"], clip["words"], clip["words_mask"])
    flat = tokens[0][clip["frame_mask"][0] > 0].reshape(-1, G)
    logits = []
    for rows in fusion.item.rows(**items):
        asked, told = pair.query(pair.norm(rows)), pair.norm(flat)
        keys, values = query.key(told), query.value(told)
        part, read = G // TINY.heads, []
        for head in range(TINY.heads):
            own = slice(head * part, (head + 1) * part)
            weights = (asked[:, own] @ keys[:, own].T / part**0.5).softmax(-1)
            read.append(weights @ values[:, own])
        rows = rows + pair.mix(torch.cat(read, 1))
        inner = pair.up(pair.norm_mlp(rows))
        rows = rows + pair.down(inner * torch.sigmoid(1.702 * inner))
        pooled = pair.pool(pair.norm_out(rows))
        pooled = pooled * torch.sigmoid(1.702 * pooled)
        logits.append(pair.logit(pooled)[0, 0])
    return torch.stack(logits)


@torch.inference_mode()
@pytest.mark.parametrize("frames", [1, 3, T])
def test_one_row_gives_the_full_score(fusion: SelectiveFusion, frames: int) -> None:
    items, clip = _item_arguments(), _clip_arguments(frames=frames)
    stored = fusion.item(**items)
    assert stored.shape == (5, G)
    cheap = fusion.pair(stored[None], *fusion.query(**clip))[0]
    assert torch.allclose(cheap, _full(fusion, items, clip), atol=1e-6)
    assert cheap.std() > 1e-3


@torch.inference_mode()
def test_every_part_of_both_sides_reaches_the_score(fusion: SelectiveFusion) -> None:
    items, clip = _item_arguments(count=1), _clip_arguments()

    def score(**changed: Tensor) -> Tensor:
        own = {k.removeprefix("item_"): v for k, v in changed.items() if k.startswith("item_")}
        shown = {k: v for k, v in changed.items() if not k.startswith("item_")}
        stored = fusion.item(**{**items, **own})
        return fusion.pair(stored[None], *fusion.query(**{**clip, **shown}))[0, 0]

    plain = score()
    for name in ("patches", "nodes", "words"):
        assert (score(**{name: clip[name].flip(-1)}) - plain).abs() > 1e-5, name
    for name in ("patches", "node", "words"):
        assert (score(**{f"item_{name}": items[name].flip(-1)}) - plain).abs() > 1e-5, name


@torch.inference_mode()
def test_a_candidate_is_scored_by_itself_in_any_order(fusion: SelectiveFusion) -> None:
    stored, clip = fusion.item(**_item_arguments()), fusion.query(**_clip_arguments())
    order = torch.tensor([4, 2, 0, 1, 3])
    together = fusion.pair(stored[None], *clip)[0]
    assert torch.allclose(fusion.pair(stored[order][None], *clip)[0], together[order], atol=1e-6)
    for i in range(5):
        alone = fusion.pair(stored[None, i : i + 1], *clip)[0, 0]
        assert alone == pytest.approx(float(together[i]), abs=1e-6)


@torch.inference_mode()
def test_a_clip_does_not_depend_on_its_neighbours(fusion: SelectiveFusion) -> None:
    clips = _clip_arguments(batch=3)
    clips["frame_mask"] = torch.tensor([[1.0] * T, [1.0] + [0.0] * (T - 1), [0.0] * T])
    clips["words_mask"][1] = 0.0
    stored = fusion.item(**_item_arguments())
    together = fusion.matrix(stored, *fusion.query(**clips))
    assert together.shape == (3, 5)
    for i in range(3):
        alone = fusion.query(**{k: v[i : i + 1] for k, v in clips.items()})
        assert torch.allclose(fusion.pair(stored[None], *alone)[0], together[i], atol=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize("frames", [0, 2])
def test_padded_frames_and_padded_words_change_nothing(
    fusion: SelectiveFusion, frames: int
) -> None:
    stored, clip = fusion.item(**_item_arguments()), _clip_arguments(frames=frames)
    other = {k: v.clone() for k, v in clip.items()}
    other["patches"][:, frames:] += 9.0
    other["nodes"][:, frames:] += 9.0
    other["words"][:, 3:] += 9.0
    found = fusion.pair(stored[None], *fusion.query(**clip))
    assert torch.isfinite(found).all()
    assert torch.equal(found, fusion.pair(stored[None], *fusion.query(**other)))


@torch.inference_mode()
def test_nothing_at_all_is_finite(fusion: SelectiveFusion) -> None:
    items = {k: v * 0 for k, v in _item_arguments().items()}
    clip = {k: v * 0 for k, v in _clip_arguments().items()}
    found = fusion.pair(fusion.item(**items)[None], *fusion.query(**clip))
    assert torch.isfinite(found).all()


@torch.inference_mode()
@pytest.mark.parametrize("kind", [WordFusion, MeanWordFusion])
def test_without_words_tokens_stay_as_they_are(kind: type[torch.nn.Module]) -> None:
    torch.manual_seed(0)
    words = stirred(kind(G, 6))
    tokens, said = torch.randn(2, M, G), torch.randn(2, 3, 6)
    assert torch.equal(words(tokens, said, torch.zeros(2, 3)), tokens)
    change = words(tokens, said, torch.ones(2, 3)) - tokens
    assert change.abs().max() > 1e-3
    # The published fusion adds the same to every token, words as keys do not.
    assert (change.std(1).max() < 1e-6) == (kind is MeanWordFusion)


def test_a_fresh_one_has_no_opinion_and_can_learn() -> None:
    torch.manual_seed(0)
    fresh = SelectiveFusion(TINY)
    stored = fresh.item(**_item_arguments())
    logits = fresh.matrix(stored, *fresh.query(**_clip_arguments(batch=2)))
    assert torch.equal(logits, torch.zeros(2, 5))
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
    assert fresh.pair.logit.weight.grad is not None
    assert fresh.pair.logit.weight.grad.abs().max() > 0


def test_the_gradient_reaches_every_weight(fusion: SelectiveFusion) -> None:
    logits = fusion.matrix(
        fusion.item(**_item_arguments()), *fusion.query(**_clip_arguments(batch=2))
    )
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
    for name, parameter in fusion.named_parameters():
        assert parameter.grad is not None, name
        assert name.endswith("key.bias") or parameter.grad.abs().max() > 0, name


def test_words_and_places_are_common_to_both_sides() -> None:
    fusion = SelectiveFusion(TINY)
    assert fusion.item.tokens is fusion.query.tokens
    assert fusion.query.norm is fusion.pair.norm


def test_all_three_parts_export(tmp_path: Path) -> None:
    torch.manual_seed(0)
    fusion = stirred(SelectiveFusion(TINY)).eval()
    items, clip = _item_arguments(), _clip_arguments()
    with torch.inference_mode():
        stored, (keys, values, bias) = fusion.item(**items), fusion.query(**clip)
    assert bias[0, 0, 0, -1] == MASKED
    parts: list[tuple[str, torch.nn.Module, list[Tensor], tuple[Port, ...]]] = [
        ("item", fusion.item, list(items.values()), (_port("vector", stored, rows=True),)),
        (
            "query",
            fusion.query,
            list(clip.values()),
            (_port("keys", keys), _port("values", values), _port("bias", bias)),
        ),
        (
            "pair",
            fusion.pair,
            [torch.randn(1, 8, G), keys, values, bias],
            (Port("logits", "float32", (1, 8)),),
        ),
    ]
    for name, module, inputs, outputs in parts:
        ports = tuple(_port(f"x{i}", t, rows=name == "item") for i, t in enumerate(inputs))
        part = Part(name, module, ports, outputs)
        for result in require(part, write_onnx(part, tmp_path), inputs):
            assert result.largest < 1e-4, result


def _port(name: str, tensor: Tensor, *, rows: bool = False) -> Port:
    shape = ("N", *tensor.shape[1:]) if rows else tuple(tensor.shape)
    return Port(name, "float32", shape)
