"""What each loss sees and what is left out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from models.losses.contrastive import symmetric_info_nce
from models.sgmn import Sgmn
from models.training.config import EpisodeConfig, LossConfig, TrainConfig
from models.training.distributed import World
from models.training.episodes import BankBatches, Draw, Episode, EpisodeSampler
from models.training.objective import SgmnObjective
from runtime.errors import UsageError
from tests.models.made_up_bank import COUNT, made_up_bank
from tests.models.tiny_network import stirred, stirred_network

NONE = dict.fromkeys(("joint", "visual", "text", "triplet", "graph", "regulariser", "pair"), 0.0)
PARTS = (*NONE, "rerank")
SCALE = torch.tensor(20.0)
GROUPS = [f"g{i // 2}" for i in range(COUNT)]


def _sampler(batch: int = 6, **episodes: float) -> EpisodeSampler:
    bank = made_up_bank()
    return EpisodeSampler(
        bank.shots,
        bank.said.tolist(),
        GROUPS,
        frames=4,
        batch=batch,
        seed=2,
        config=EpisodeConfig(**episodes),
    )


def _episode(step: int = 0, **settings: Any) -> Episode:
    return BankBatches(made_up_bank(), _sampler(**settings), World()).draw(step)


def _objective(network: Sgmn, **losses: float) -> SgmnObjective:
    torch.manual_seed(0)
    config = LossConfig(**{**NONE, "rerank": 0.0, **losses})  # type: ignore[arg-type]
    made = SgmnObjective(network, TrainConfig(preset="tiny", losses=config, frozen=()), World())
    stirred(made._helpers)
    made.groups()
    return made


@pytest.mark.parametrize("part", PARTS)
def test_a_loss_alone_is_all_that_is_computed_and_reaches_the_heads(part: str) -> None:
    network = stirred_network()
    objective = _objective(network, **{part: 2.0})
    found = objective.loss(_episode(silent=0.3))
    assert set(found) == {part, "total", "scale"}
    assert found["total"].item() == pytest.approx(2 * found[part].item())
    assert found[part].item() > 0
    found["total"].backward()
    moved = {n for n, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    trained = {"pair": "query_head.shared.node", "rerank": "reranker.evidence", "text": "words"}
    assert any(trained.get(part, "attention") in name for name in moved)
    assert not any(name.startswith(("frame_encoder", "text_encoder")) for name in moved)


def test_the_total_is_the_weighted_sum() -> None:
    weights = {"joint": 0.5, "visual": 2.0, "rerank": 3.0}
    found = _objective(stirred_network(), **weights).loss(_episode())
    expected = sum(weight * float(found[name]) for name, weight in weights.items())
    assert found["total"].item() == pytest.approx(expected, rel=1e-6)


def test_one_product_shown_twice_is_no_negative_of_itself() -> None:
    network, once = stirred_network(), _episode(batch=4)
    twice = Episode(
        Draw(**{n: torch.cat([v, v]) for n, v in vars(once.whole).items()}),
        tuple(torch.cat([x, x]) for x in once.query),
        tuple(torch.cat([x, x]) for x in once.item),
    )
    # Not the second stage: there a twin is a rival by its facts.
    for part in ("joint", "visual"):
        objective = _objective(network, **{part: 1.0})
        alone, doubled = (objective.loss(e)[part].item() for e in (once, twice))
        # Every wrong answer is there twice and the right one never among them.
        assert alone < doubled < alone + math.log(2) + 1e-6, part
    query, items = network.query_head(*once.query)[0], network.item_head(*once.item)[0]
    scores, right = (query @ items.T).repeat(2, 2), torch.eye(4).repeat(2, 2).bool()
    found = _objective(network, joint=1.0).loss(twice)["joint"].item()
    assert found == pytest.approx(symmetric_info_nce(scores, SCALE, right).item(), rel=1e-5)
    assert found < symmetric_info_nce(scores, SCALE).item() - 0.01


def test_products_held_out_teach_through_the_item_side_only() -> None:
    network = stirred_network()
    episode = _episode()
    gradients = []
    for held_out in (False, True):
        mask = torch.full_like(episode.whole.held_out, held_out)
        episode = Episode(replace(episode.whole, held_out=mask), episode.query, episode.item)
        network.zero_grad()
        _objective(network, joint=1.0, rerank=1.0).loss(episode)["total"].backward()
        temporal = network.query_head.temporal.out.weight.grad
        value = network.shared.attention.value.weight.grad  # both sides use it
        gradients.append((0.0 if temporal is None else float(temporal.norm()), float(value.norm())))
    (temporal_seen, value_seen), (temporal_held, value_held) = gradients
    assert temporal_seen > 0
    assert temporal_held == 0
    assert 0 < value_held != value_seen


def test_a_batch_without_words_or_of_one_product_gives_finite_gradients() -> None:
    for settings in ({"silent": 1.0}, {"batch": 1}, {"batch": 1, "silent": 1.0}):
        network = stirred_network()
        objective = _objective(network, **dict.fromkeys(PARTS, 1.0))
        found = objective.loss(_episode(**settings))
        found["total"].backward()
        assert all(bool(torch.isfinite(value).all()) for value in found.values())
        for parameter in network.parameters():
            assert parameter.grad is None or bool(torch.isfinite(parameter.grad).all())


def test_what_is_frozen_stays_and_must_exist() -> None:
    network = stirred_network()
    frozen = ("query_head.temporal", "reranker")
    objective = SgmnObjective(network, TrainConfig(preset="tiny", frozen=frozen), World())
    names = {name for group in objective.groups() for name in group.parameters}
    assert not any(name.startswith(frozen) for name in names)
    assert {"temperature.log_scale", "query_head.text_weight"} <= names
    wrong = TrainConfig(preset="tiny", frozen=("query_head.temporel",))
    with pytest.raises(UsageError, match="temporel"):
        SgmnObjective(network, wrong, World()).groups()


def test_an_episode_is_a_function_of_its_step() -> None:
    first, second = _sampler(), _sampler()
    second.draw(3)
    ours, again, other = first.draw(5), second.draw(5), first.draw(6)
    assert all(torch.equal(getattr(ours, n), getattr(again, n)) for n in vars(ours))
    assert not all(torch.equal(getattr(ours, n), getattr(other, n)) for n in vars(ours))


def test_shares_of_silence_and_held_out_products_are_kept() -> None:
    sampler = _sampler(batch=COUNT, silent=0.25, held_out=0.75)
    drawn = [sampler.draw(step) for step in range(200)]
    assert float(torch.cat([d.spoken for d in drawn]).mean()) == pytest.approx(0.75, abs=0.05)
    held_out = torch.cat([d.held_out for d in drawn]).float()
    assert float(held_out.mean()) == pytest.approx(0.75, abs=0.05)
    assert drawn[0].groups[drawn[0].items.argsort()].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_look_alikes_come_together() -> None:
    for step in range(5):
        items = set(_sampler(batch=4).draw(step).items.tolist())
        assert {i ^ 1 for i in items} == items
