"""``python -m calibration.gpu_check``: the command in a checkout that was not installed."""

from __future__ import annotations

import sys

from calibration.gpu_check.command import gpu_check
from runtime.commands.failure import run_guarded

if __name__ == "__main__":
    sys.exit(run_guarded(gpu_check))
