"""``sgmn`` as one of the processes that torchrun starts; with FAIL_AT, the last one fails there.

Run as ``torchrun ... -m tests.models.training.one_of_many train ...``.
"""

from __future__ import annotations

import os

from models.training.trainer import Trainer
from runtime.commands.entry import main

_step = Trainer._step


def _failing(trainer: Trainer, step: int) -> dict[str, float]:
    if step == int(os.environ["FAIL_AT"]) and os.environ["RANK"] != "0":
        raise ValueError("broken on purpose")
    return _step(trainer, step)


if __name__ == "__main__":
    if "FAIL_AT" in os.environ:
        Trainer._step = _failing  # type: ignore[method-assign]
    main()
