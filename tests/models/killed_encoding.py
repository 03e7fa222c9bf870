"""Encodes a made-up corpus and kills itself at its Nth use of the frame encoder.

Run as ``python -m tests.models.killed_encoding CACHE N``.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from models.training import parts
from models.training.bank import FeatureBank, build_bank
from tests.models.made_up_bank import made_up_corpus, quiet, tokenizer
from tests.models.tiny_network import fresh_network

USES = 4
"""Of the frame encoder for the whole corpus: one for the shop pictures, three for the frames."""


def encoded(cache: Path, last: int = 0) -> tuple[FeatureBank, int]:
    """The bank, and how often the frame encoder was used; killed at use ``last`` unless it is 0."""
    network, uses = fresh_network(), count(1)
    used = []

    def watch(*_: Any) -> None:
        used.append(next(uses))
        if used[-1] == last:
            os.kill(os.getpid(), signal.SIGKILL)

    network.frame_encoder.register_forward_hook(watch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART", parts.BATCH)
        return build_bank(made_up_corpus(), network, tokenizer(), cache, quiet), len(used)


if __name__ == "__main__":
    encoded(Path(sys.argv[1]), int(sys.argv[2]))
