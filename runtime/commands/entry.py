"""Entry point of the console script: so small that Ctrl-C is caught from the start."""

from __future__ import annotations

import sys

from runtime.errors import INTERRUPTED


def main() -> None:
    """Run ``sgmn`` and exit with its code."""
    try:
        from runtime.commands.main import main as run

        run()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)  # noqa: T201 - click may not be loaded yet
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
