"""One number of threads for everything that has a pool of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Hold NumPy's BLAS and, where it is loaded, torch to so many threads.

    ONNX Runtime's sessions take theirs when they are opened (`StepHarness.open`).

    Args:
        threads: at least 1.
    """
    import sys

    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else threads
    with threadpool_limits(threads):
        if torch:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)
