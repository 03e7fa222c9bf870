"""How often the network ranks the right product first on clips it is not trained on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from models.sgmn import Sgmn
from models.training.bank import FeatureBank
from runtime.sampler import spread

BATCH = 32


class RetrievalValidation:
    """R@1 over validation clips against the whole catalog; a tie counts as wrong.

    Args:
        network: as it is at each call.
        bank: features of the clips, sentence i belonging to shot i, whose source names its tier;
            asked for at each call, since encoders may be trained.
    """

    def __init__(self, network: Sgmn, bank: Callable[[], FeatureBank]) -> None:
        self._network = network
        self._bank = bank

    @torch.inference_mode()
    def __call__(self) -> dict[str, float]:
        """R@1 as parts of one.

        ``image_TIER`` by pictures alone, ``first_TIER`` with words, ``fused_TIER`` after the second
        stage; ``figure`` is the mean of image and fused over the tiers.
        """
        bank = self._bank()
        items, item_nodes = self._items(bank)
        hits = torch.cat(
            [
                self._hits(bank, rows, items, item_nodes)
                for rows in torch.arange(len(bank.shots)).split(BATCH)
            ]
        )
        tiers = [tier for _, tier, _ in bank.shots]
        found: dict[str, float] = {}
        for tier in sorted(set(tiers)):
            mine = hits[torch.tensor([t == tier for t in tiers])].mean(0).tolist()
            found |= dict(
                zip((f"image_{tier}", f"first_{tier}", f"fused_{tier}"), mine, strict=True)
            )
        counted = [value for name, value in found.items() if not name.startswith("first")]
        return {"figure": sum(counted) / len(counted), **found}

    def _items(self, bank: FeatureBank) -> tuple[Tensor, Tensor]:
        parts = [
            self._network.item_head(
                *self._here(*bank.items.rows(rows), *bank.titles.rows(rows)),
            )
            for rows in torch.arange(len(bank.items.cls)).split(BATCH)
        ]
        return torch.cat([v for v, _ in parts]), torch.cat([n for _, n in parts])

    def _hits(self, bank: FeatureBank, rows: Tensor, items: Tensor, item_nodes: Tensor) -> Tensor:
        """[N, 3]: right by pictures, by the first stage, by both stages."""
        network, size = self._network, self._network.config.visual_size
        inputs = self._here(*self._query(bank, rows))
        query, nodes, patches, _ = network.query_head(*inputs)
        right = torch.tensor([bank.shots[row][0] for row in rows.tolist()], device=query.device)
        image = query[:, :size] @ items[:, :size].T
        scores = query @ items.T
        listed = scores.topk(min(network.config.shortlist, len(items)), 1).indices
        reranked = network.reranker(
            query,
            nodes,
            patches,
            inputs[2],
            items[listed],
            item_nodes[listed],
            scores.gather(1, listed),
            torch.ones_like(listed, dtype=scores.dtype),
        )
        fused = torch.full_like(scores, -torch.inf).scatter(1, listed, reranked)
        return torch.stack([strictly_first(s, right) for s in (image, scores, fused)], 1).cpu()

    def _query(self, bank: FeatureBank, rows: Tensor) -> tuple[Tensor, ...]:
        frames = self._network.config.frames
        picked = torch.zeros(len(rows), frames, dtype=torch.long)
        mask = torch.zeros(len(rows), frames)
        for i, row in enumerate(rows.tolist()):
            shot = bank.shots[row][2]
            shown = [shot[place] for place in spread(len(shot), frames)]
            picked[i, : len(shown)] = torch.tensor(shown)
            mask[i, : len(shown)] = 1.0
        cls, tokens = bank.frames.rows(picked.reshape(-1))
        return (
            cls.reshape(*mask.shape, -1) * mask[..., None],
            tokens.reshape(*mask.shape, *tokens.shape[1:]) * mask[..., None, None],
            mask,
            *bank.sentences.rows(rows),
        )

    def _here(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        device = self._network.shared.projection.linear.weight.device
        return tuple(x.to(device) for x in tensors)


def strictly_first(scores: Tensor, right: Tensor) -> Tensor:
    """1 where the right column's score is above all others, else 0.

    Args:
        scores: [N, G].
        right: columns, int64 [N].
    """
    own = scores.gather(1, right[:, None])
    others = scores.scatter(1, right[:, None], -torch.inf)
    return (own[:, 0] > others.amax(1)).float()
