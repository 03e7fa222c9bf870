"""A step and a whole clip in torch: the same work as the runtime's, on the same catalog."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from calibration.bench.torch_forms import Forward, as_it_is
from models.sgmn import Sgmn
from runtime.bundle.manifest import Decision
from runtime.catalog.catalog import CatalogReader
from runtime.decision import SHOWN_CANDIDATES, confidences
from runtime.lexical.hearing import Heard
from runtime.preprocess import frame_input

BgrImage = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Answer:
    """Rows of the best products, best first, and the confidence in each."""

    rows: list[int]
    confidences: list[float]


class TorchMatch:
    """Encode, join, search with a matrix product and top-k, re-rank.

    Args:
        network: in evaluation mode.
        catalog: its vectors are copied.
        heard: the words, as the runtime read them with the network's own FP32 bundle.
        frames: uint8 BGR pictures, as a camera gives them.
        rule: turns scores into confidences.
        device: that the network is on.
        form: makes what is called of a submodule; one of `calibration.bench.torch_forms.forms`.
    """

    def __init__(
        self,
        network: Sgmn,
        catalog: CatalogReader,
        heard: Heard,
        frames: Sequence[BgrImage],
        rule: Decision,
        *,
        device: str = "cpu",
        form: Callable[[Forward], Forward] = as_it_is,
    ) -> None:
        config = self._config = network.config
        encode, join, rerank = network.frame_encoder, network.query_head, network.reranker
        self._encode, self._join, self._rerank = form(encode), form(join), form(rerank)
        self._pictures = frames
        self._rule = rule
        count = len(catalog.items())
        self._device = device
        self._items, self._nodes = map(self._sent, catalog.vectors(range(count)))
        self._text = tuple(part.to(device) for part in _text(heard, network))
        self._prior = torch.zeros(count, device=device)
        if heard.prior is not None:
            self._prior = self._sent(heard.prior)
        self._present = torch.ones(1, config.frames, device=device)
        self._listed = torch.ones(1, min(config.shortlist, count), device=device)
        self._ring: deque[tuple[Tensor, Tensor]] = deque(maxlen=config.frames)

    def prepare(self) -> None:
        """Run the clip and the step once, which compiles or records them.

        Raises:
            RuntimeError: there is no compiler, or it refuses; torch's own errors derive from it.
        """
        self.clip(0)
        self.step(0)

    @torch.inference_mode()
    def step(self, number: int) -> Answer:
        """One new frame beside T - 1 that are encoded; the first one fills the ring before."""
        if not self._ring:
            self._see(range(number - self._config.frames, number))
        self._see([number])
        return self._match()

    @torch.inference_mode()
    def clip(self, number: int) -> Answer:
        """All T frames as one batch, from frame ``number`` on."""
        self._see(range(number, number + self._config.frames))
        return self._match()

    @torch.inference_mode()
    def frames(self, number: int) -> Answer:
        """As `clip`, one frame after the other: a processor's caches may like that better."""
        for offset in range(self._config.frames):
            self._see([number + offset])
        return self._match()

    def _sent(self, array: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    def _see(self, numbers: Sequence[int]) -> None:
        size = self._config.image_size
        squares = [frame_input(self._pictures[n % len(self._pictures)], size) for n in numbers]
        cls, tokens = self._encode(self._sent(np.stack(squares)))
        self._ring.extend(zip(cls, tokens, strict=True))

    def _match(self) -> Answer:
        cls, tokens = (torch.stack(part)[None] for part in zip(*self._ring, strict=True))
        query, nodes, patches, _ = self._join(cls, tokens, self._present, *self._text)
        seen = self._config.visual_size + 1
        scores = self._items[:, :seen] @ query[0, :seen] + self._prior
        first, rows = scores.topk(self._listed.shape[1])
        reranked = self._rerank(
            query,
            nodes,
            patches,
            self._present,
            self._items[rows][None],
            self._nodes[rows][None],
            first[None],
            self._listed,
        )[0]
        best, order = reranked.sort(descending=True, stable=True)
        chances = confidences(best.cpu().numpy(), self._rule)[:SHOWN_CANDIDATES]
        return Answer(rows[order[:SHOWN_CANDIDATES]].tolist(), chances.tolist())


def _text(heard: Heard, network: Sgmn) -> tuple[Tensor, Tensor, Tensor]:
    config = network.config
    if heard.text is None:
        empty = torch.zeros(1, config.text_tokens, config.text_size)
        return empty[:, 0], empty, empty[..., 0]
    text = heard.text
    pooled, tokens, mask = (torch.from_numpy(x) for x in (text.pooled, text.tokens, text.mask))
    return pooled, tokens, mask
