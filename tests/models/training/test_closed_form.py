"""What is set without gradients, against its definition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.config import TINY
from models.heads.memory import ItemMemory
from models.sgmn import Sgmn
from models.training.bank import FeatureBank, Pictures, Words
from models.training.closed_form import (
    CameraPictures,
    remember,
    set_closed_form,
    whiten,
    whiten_patches,
)
from models.training.config import ClosedFormConfig
from tests.models.tiny_network import fresh_network

PRODUCTS, SHOWN = 20, 12
CONFIG = ClosedFormConfig()


def _bank(sources: tuple[str, ...] = ("photo",), products: int = PRODUCTS) -> FeatureBank:
    """Products whose pictures differ much in the first features and little in the last."""
    torch.manual_seed(0)
    own = torch.randn(products, TINY.cls_size)
    spread = torch.linspace(2.0, 0.2, TINY.cls_size)
    shown = own.repeat_interleave(SHOWN, 0)
    tokens = torch.randn(len(shown), TINY.tokens, TINY.token_size)
    tokens = tokens * torch.linspace(3.0, 0.1, TINY.token_size) + 1.0
    title = torch.randn(products, TINY.text_tokens, TINY.text_size)
    words = Words(title.mean(1), title.half(), torch.ones(products, TINY.text_tokens))
    return FeatureBank(
        Pictures(own.half(), torch.randn(products, TINY.tokens, TINY.token_size).half()),
        words,
        Pictures((shown + spread * torch.randn_like(shown)).half(), tokens.half()),
        words,
        torch.arange(products),
        tuple(
            (i, sources[i % len(sources)], tuple(range(i * SHOWN, (i + 1) * SHOWN)))
            for i in range(products)
        ),
    )


def _rows(bank: FeatureBank) -> tuple[Tensor, Tensor]:
    rows = torch.arange(len(bank.frames.cls))
    return rows, rows // SHOWN


def _still(rows: Tensor, owner: Tensor) -> CameraPictures:
    return CameraPictures(rows, owner, torch.ones_like(rows, dtype=torch.bool))


def _set(bank: FeatureBank, allowed: set[int] | None = None, **settings: float | bool) -> Sgmn:
    network = fresh_network()
    every = set(range(len(bank.items.cls))) if allowed is None else allowed
    config = ClosedFormConfig(**settings)  # type: ignore[arg-type]
    set_closed_form(network, bank, every, config)
    if config.remember:
        remember(network, bank, CameraPictures.of(bank, every), config)
    return network


def _state(network: Sgmn) -> dict[str, Tensor]:
    return {k: v for k, v in network.state_dict().items() if not k.startswith("item_head.shared")}


@torch.inference_mode()
def test_pictures_of_one_product_differ_alike_in_all_directions() -> None:
    bank, projection = _bank(), fresh_network().shared.projection
    rows, owner = _rows(bank)
    whiten(projection, bank, _still(rows, owner), 0.0)
    y = projection.frames(bank.frames.cls.float())
    apart = y.reshape(PRODUCTS, SHOWN, -1) - y.reshape(PRODUCTS, SHOWN, -1).mean(1)[:, None]
    apart = apart.reshape(len(y), -1)
    within = apart.T @ apart / len(y)
    level = within.diagonal().mean()
    assert torch.allclose(within, level * torch.eye(TINY.visual_size), atol=1e-3 * float(level))
    assert float(y.norm(dim=1).mean()) == pytest.approx(1.0, abs=1e-4)


@torch.inference_mode()
def test_wholly_shrunk_it_is_principal_directions_all_alike() -> None:
    bank, projection = _bank(), fresh_network().shared.projection
    rows, owner = _rows(bank)
    whiten(projection, bank, _still(rows, owner), 1.0)
    weight = projection.linear.weight
    gram = weight @ weight.T
    assert torch.allclose(gram, gram[0, 0] * torch.eye(len(gram)), atol=1e-4 * float(gram[0, 0]))
    x = projection.normalised(bank.frames.cls.float() - projection.frame_mean)
    kept = float((x @ weight.T).square().sum() / gram[0, 0])
    best = torch.linalg.svdvals(x)[: TINY.visual_size].square().sum()
    assert kept == pytest.approx(float(best), rel=0.02)


@torch.inference_mode()
def test_each_side_is_centred_on_its_own_pictures() -> None:
    bank = _bank(("photo", "clip"))
    projection = _set(bank, {0, 1, 2, 3}).shared.projection
    frames = bank.frames.cls.float().reshape(PRODUCTS, SHOWN, -1)
    assert torch.allclose(projection.frame_mean, frames[[0, 2]].mean((0, 1)), atol=1e-3)
    assert torch.allclose(projection.item_mean, bank.items.cls[:4].float().mean(0), atol=1e-3)


@torch.inference_mode()
def test_clips_alone_are_centred_on_themselves() -> None:
    bank = _bank(("clip",))
    network = _set(bank)
    assert torch.allclose(
        network.shared.projection.frame_mean, bank.frames.cls.float().mean(0), atol=1e-3
    )
    mean = bank.frames.tokens.float().mean((0, 1))
    assert torch.allclose(network.shared.patches.frame_mean, mean, atol=1e-3)


@torch.inference_mode()
def test_places_are_whitened_over_the_photos_tokens() -> None:
    bank, patches = _bank(), fresh_network().shared.patches
    photos, items = torch.arange(30), torch.tensor([2, 5])
    whiten_patches(patches, bank, photos, items)
    tokens = bank.frames.tokens[photos].float().reshape(-1, TINY.token_size)
    assert torch.allclose(patches.frame_mean, tokens.mean(0), atol=1e-4)
    shop = bank.items.tokens[items].float().mean((0, 1))
    assert torch.allclose(patches.item_mean, shop, atol=1e-5)
    y = patches.linear(tokens - patches.frame_mean)
    assert torch.allclose(y.T @ y / len(y), torch.eye(TINY.node_size), atol=1e-3)
    left_out = y.new_zeros(TINY.token_size)
    left_out[-1] = 1.0  # where tokens hardly differ
    assert patches.linear(left_out).norm() < 0.1 * patches.linear.weight.norm(dim=0).max()


@torch.inference_mode()
def test_more_tokens_than_fit_at_once_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bank, found = _bank(), []
    for chunk in (512, 7):
        monkeypatch.setattr("models.training.closed_form.CHUNK", chunk)
        patches = fresh_network().shared.patches
        whiten_patches(patches, bank, torch.arange(60), torch.arange(5))
        found.append(patches)
    assert torch.allclose(found[0].frame_mean, found[1].frame_mean, atol=1e-5)
    grams = [p.linear.weight.T @ p.linear.weight for p in found]
    assert torch.allclose(*grams, rtol=1e-3, atol=1e-3)


def _remembered(bank: FeatureBank, still: Tensor) -> tuple[ItemMemory, ItemMemory]:
    """The network's memory, and one filled by hand with half photos and half clips."""
    network = fresh_network()
    rows, owner = _rows(bank)
    remember(network, bank, CameraPictures(rows, owner, still), CONFIG)
    with torch.inference_mode():
        projection, means = network.shared.projection, []
        y = projection.frames(bank.frames.cls.float())
        for product in range(len(bank.items.cls)):
            mine = owner == product
            kinds = [y[mine & kind].mean(0) for kind in (still, ~still) if (mine & kind).any()]
            means.append(sum(kinds) / len(kinds))
        memory = ItemMemory(TINY)
        memory.fit(
            projection.items(bank.items.cls.float()),
            bank.titles.pooled,
            torch.stack(means),
            share=CONFIG.share,
            ridge=CONFIG.ridge,
            picture_share=CONFIG.picture_share,
        )
    return network.item_head.memory, memory


@pytest.mark.parametrize("clips", [0, 1, 9, SHOWN])
def test_photos_and_clips_of_a_product_count_half_each(clips: int) -> None:
    bank = _bank()
    found, expected = _remembered(bank, torch.arange(PRODUCTS * SHOWN) % SHOWN >= clips)
    assert expected.moves.abs().max() > 0.01
    for name, tensor in expected.state_dict().items():
        assert torch.allclose(found.state_dict()[name], tensor, atol=1e-5), name


def test_of_more_products_than_fit_some_are_remembered() -> None:
    bank = _bank(products=TINY.memory + 6)
    network = fresh_network()
    rows, owner = _rows(bank)
    remember(network, bank, _still(rows, owner), CONFIG)
    memory = network.item_head.memory
    pictures = network.shared.projection.items(bank.items.cls.float())
    pictures = torch.nn.functional.normalize(pictures, dim=1)
    rows = (memory.pictures @ pictures.T).argmax(1)
    assert rows.tolist() == sorted(set(rows.tolist())), "different ones, in order"
    assert torch.allclose(memory.pictures, pictures[rows], atol=1e-5)
    assert memory.moves.abs().amax(1).min() > 0


def test_only_camera_pictures_teach_where_there_are_any() -> None:
    bank = _bank(("photo", "staged", "clip", "store"))
    real = {i for i in range(PRODUCTS) if i % 4 in (0, 2)}
    ours, theirs = _state(_set(bank)), _state(_set(bank, real))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    made = _set(_bank(("store",)))
    assert made.item_head.memory.moves.any()
    assert made.shared.projection.frame_mean.any()


def test_the_settings_decide_what_is_set() -> None:
    bank, plain = _bank(), _state(fresh_network())
    full = _state(_set(bank, patch_weight=0.7))
    assert full["reranker.patch_weight"] == pytest.approx(0.7)
    assert full["item_head.memory.scale"] != 1
    forgetful = _state(_set(bank, remember=False))
    kept = [name for name in plain if torch.equal(plain[name], forgetful[name])]
    assert {name for name in kept if "memory" in name} == {n for n in plain if "memory" in n}
    changed = {name.rsplit(".", 1)[0] for name in set(plain) - set(kept)}
    assert changed == {
        "query_head.shared.projection",
        "query_head.shared.projection.linear",
        "query_head.shared.patches",
        "query_head.shared.patches.linear",
        "reranker",
    }


def test_it_gives_the_same_bits_whatever_was_drawn_before_and_draws_nothing_itself() -> None:
    bank = _bank()
    networks = []
    for seed in (1, 2):
        network = fresh_network()
        torch.manual_seed(seed)
        expected = torch.rand(3)
        torch.manual_seed(seed)
        set_closed_form(network, bank, set(range(PRODUCTS)), CONFIG)
        assert torch.equal(torch.rand(3), expected)
        networks.append(_state(network))
    assert all(torch.equal(networks[0][name], networks[1][name]) for name in networks[0])
