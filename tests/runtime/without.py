"""``python -m tests.runtime.without PACKAGES ...``: ``sgmn`` where packages are not installed."""

from __future__ import annotations

import sys
from typing import Any


class _Hiding:
    """A finder that knows nothing of some packages and leaves the rest to another one."""

    def __init__(self, finder: Any, hidden: frozenset[str]) -> None:
        self._finder = finder
        self._hidden = hidden

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] in self._hidden:
            return None
        return self._finder.find_spec(name, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)


def hide(*packages: str) -> None:
    """Make packages unfindable: importing them fails and ``find_spec`` gives None."""
    hidden = frozenset(packages)
    already = hidden & sys.modules.keys()
    if already:
        raise RuntimeError(f"{sorted(already)} are loaded already")
    sys.meta_path[:] = [_Hiding(finder, hidden) for finder in sys.meta_path]  # type: ignore[misc]


if __name__ == "__main__":
    hide(*sys.argv[1].split(","))
    sys.argv[:2] = ["sgmn"]
    from runtime.commands.main import main

    main()
