"""Two processes learn what one learns from the same batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from models.config import TINY
from models.graph.interaction import CrossDomainInteraction
from models.heads.norms import masked_mean, unit
from models.losses.contrastive import Temperature, same_products, symmetric_info_nce
from models.losses.gather import gather, own_rows
from models.losses.graph import edge_regulariser, graph_triplets
from models.losses.mining import Mining, hardest
from models.losses.pair import pair_cross_entropy
from models.losses.pairs import Pairs
from models.losses.total import Losses, LossWeights, total
from models.losses.triplet import symmetric_triplet

ROWS, INPUT, VISUAL = 6, 10, TINY.visual_size
PROCESSES = 2


class _Learner(nn.Module):
    """Stand-ins for the heads, and every loss that looks at the whole batch."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.clip = nn.Linear(INPUT, VISUAL)
        self.temperature = Temperature(10.0)
        self.graph = CrossDomainInteraction(TINY, dropout=0.0)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        frames = self.clip(batch["frames"]) * batch["mask"][..., None]
        clips, shown = unit(masked_mean(frames, batch["mask"])), self.clip(batch["items"])
        items = unit(shown[:, 0])
        clips, items = gather(clips), gather(items)
        size = TINY.node_size
        frames, nodes = gather(unit(frames[..., :size])), gather(unit(shown[..., :size]))
        mask, spoken = gather(batch["mask"]), gather(batch["spoken"])
        products = gather(batch["products"])
        right = same_products(products, products)
        scale, scores = self.temperature(), clips @ items.T
        generator = torch.Generator().manual_seed(5)
        enhanced = self.graph(clips, items, frames, mask, nodes)
        pairs = Pairs(clips, items, products, products // 2)
        mined = hardest(pairs, pairs, VISUAL, Mining()).behind(torch.arange(len(products)))
        losses = Losses(
            visual=symmetric_info_nce(scores, scale, right),
            text=symmetric_info_nce(scores, scale, right, spoken[:, None].expand_as(scores) > 0),
            triplet=symmetric_triplet(clips, items, right, generator),
            graph=graph_triplets(clips, items, enhanced, right, generator),
            regulariser=edge_regulariser(clips, items, enhanced),
            pair=pair_cross_entropy(scores.gather(1, mined.columns) * scale, mined.found),
        )
        return total(losses, LossWeights())[0]


def _learner() -> _Learner:
    """In double precision, where rounding cannot pass for a wrong rule."""
    return _Learner().double()


def _batch() -> dict[str, Tensor]:
    """Product 4 is shown to both processes; most speech falls to one of them."""
    torch.manual_seed(1)
    mask = torch.ones(ROWS, TINY.frames)
    mask[1, 2:] = 0.0
    return {
        "frames": torch.randn(ROWS, TINY.frames, INPUT).double(),
        "items": torch.randn(ROWS, TINY.item_nodes, INPUT).double(),
        "mask": mask.double(),
        "products": torch.tensor([4, 1, 2, 4, 3, 5]),
        "spoken": torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 1.0]).double(),
    }


def _share(rank: int) -> dict[str, Tensor]:
    count = ROWS // PROCESSES
    return {k: v[rank * count : (rank + 1) * count] for k, v in _batch().items()}


def _process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=PROCESSES
    )
    try:
        learner = DistributedDataParallel(_learner())
        loss = learner(_share(rank))
        loss.backward()
        gradients = {n: p.grad for n, p in learner.module.named_parameters()}
        ids = torch.arange(rank * 3, rank * 3 + 3)
        everyone = gather(ids)
        torch.save(
            {
                "loss": loss.detach(),
                "ids": everyone,
                "own": everyone[own_rows(everyone)],
                **gradients,
            },
            f"{folder}/{rank}.pt",
        )
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Tensor]]:
    folder: Path = tmp_path_factory.mktemp("processes")
    mp.spawn(_process, (str(folder),), nprocs=PROCESSES)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(PROCESSES)]


def test_every_process_has_the_loss_of_one_process(answers: list[dict[str, Tensor]]) -> None:
    alone = float(_learner()(_batch()).detach())
    assert alone > 1.0
    for answer in answers:
        assert float(answer["loss"]) == pytest.approx(alone, abs=1e-9)


def test_every_gradient_is_that_of_one_process(answers: list[dict[str, Tensor]]) -> None:
    learner = _learner()
    learner(_batch()).backward()
    for name, parameter in learner.named_parameters():
        assert parameter.grad is not None
        for answer in answers:
            assert torch.allclose(answer[name], parameter.grad, atol=1e-9, rtol=0.0), name
    assert learner.clip.weight.grad is not None
    assert learner.clip.weight.grad.abs().max() > 1e-2


def test_halves_of_the_batch_by_themselves_would_learn_otherwise() -> None:
    """Otherwise the tests above could pass without gathering."""
    whole, halves = _learner(), _learner()
    whole(_batch()).backward()
    sum(halves(_share(rank)) / PROCESSES for rank in range(PROCESSES)).backward()  # type: ignore[union-attr]
    assert whole.clip.weight.grad is not None
    assert halves.clip.weight.grad is not None
    assert (whole.clip.weight.grad - halves.clip.weight.grad).abs().max() > 1e-2


def test_rows_come_in_the_order_of_ranks(answers: list[dict[str, Tensor]]) -> None:
    for rank, answer in enumerate(answers):
        assert answer["ids"].tolist() == [0, 1, 2, 3, 4, 5]
        assert answer["own"].tolist() == [3 * rank, 3 * rank + 1, 3 * rank + 2]


def test_one_process_gathers_its_own_rows() -> None:
    rows = torch.randn(3, 2, requires_grad=True)
    assert gather(rows) is rows
    assert own_rows(rows) == slice(0, 3)
