"""As `calibration.gpu_check.child`, on a GPU that is made up.

The variable FAKE_LAB holds JSON: what `FakeGpu` takes, and ``hide``, packages that are as if they
were not installed.
"""

from __future__ import annotations

import json
import os

VARIABLE = "FAKE_LAB"


def run() -> None:
    told = json.loads(os.environ.get(VARIABLE, "{}"))
    if hidden := told.pop("hide", []):
        from tests.runtime.without import hide

        hide(*hidden)
    from calibration.gpu_check.child import main
    from tests.calibration.gpu_check.fake_lab import FakeGpu, make_up_driver

    make_up_driver(setattr)
    main(lambda request: FakeGpu(**told).lab(request.job, request.limit_s))


if __name__ == "__main__":
    run()
