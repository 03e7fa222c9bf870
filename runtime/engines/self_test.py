"""Do engines compute on this machine what the bundle's maker stored?"""

from __future__ import annotations

from collections.abc import Mapping

from runtime.bundle.reader import Bundle
from runtime.bundle.self_test import worst_error
from runtime.bundle.vectors import read_vectors
from runtime.engines.engine import Engine
from runtime.errors import EngineError, GpuError

TOLERANCE = 0.25
"""Length of the error over the length of what was stored.

The stored outputs come from the processor's graphs, in another precision. `sgmn build` holds the
engines against their own graphs; here, what a changed driver makes of them must not be rubbish.
"""


def check_engines(bundle: Bundle, engines: Mapping[str, Engine]) -> bool:
    """Run every engine once on stored inputs; whether the bundle has some.

    Raises:
        GpuError: an engine fails, or its output is not finite or far off (``self-test``).
    """
    vectors = read_vectors(bundle)
    for name, stored in vectors.items():
        try:
            error = worst_error(engines[name], stored)
        except GpuError:
            raise
        except EngineError as failure:
            raise _failed(name, failure.why) from failure
        if not error <= TOLERANCE:
            raise _failed(name, f"its output is off by {error:.3g} (allowed {TOLERANCE:g})")
    return bool(vectors)


def _failed(name: str, why: str) -> GpuError:
    return GpuError(
        f"the engine of the {name} fails its self-test",
        reason="self-test",
        why=why,
        fix="run `sgmn build`",
    )
