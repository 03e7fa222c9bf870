"""The `sgmn` command with colours in place of the network, for a process of its own."""

from __future__ import annotations

import runtime.matcher
import runtime.opening
from runtime.commands.main import main
from tests.runtime.kiosk.stand_in import ColourMatcher, ColourNetwork

if __name__ == "__main__":
    runtime.opening.Network = ColourNetwork  # type: ignore[misc,assignment]
    runtime.matcher.Matcher = ColourMatcher  # type: ignore[misc,assignment]
    main()
