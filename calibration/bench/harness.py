"""What a kiosk does with one new frame, and with a whole clip, ready to be timed."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from calibration.bench.stock import made_up_catalog, made_up_frames
from runtime.catalog.catalog import CatalogReader
from runtime.engines.settings import EngineSettings
from runtime.lifecycle import Closable
from runtime.matcher import Matcher, Step
from runtime.network import Network

ITEMS = 10_000
"""Products of the catalog where no other number is asked for."""

WORDS = "this fresh red tea is what I drink every morning"
PERIOD_S = 0.5
FRAMES = 16
"""Different camera frames; more than any ring holds, so that each step's frame is new."""


class StepHarness(Closable):
    """A kiosk in full swing: ring full, words heard and unchanged, catalog published.

    ``step`` does what the kiosk's matcher thread does for one new frame. Make it with `open`.

    Args:
        network: open; closed with the harness.
        catalog: open, with vectors of the network's sizes; not closed.
        seed: of the frames.
        words: heard before the first step; empty for silence.
    """

    def __init__(
        self, network: Network, catalog: CatalogReader, *, seed: int = 0, words: str = WORDS
    ) -> None:
        self.network = network
        self.catalog = catalog
        self.frames = made_up_frames(FRAMES, seed=seed)
        self.matcher = Matcher(network, catalog)
        self.heard = self.matcher.read(words)
        self._owned = ExitStack()
        self._owned.callback(network.close)
        for number in range(network.frames):
            self.matcher.see(self.frames[-1 - number], 0.0)
        self.matcher.hear(words)
        self.matcher.step(0.0)

    @classmethod
    def open(
        cls,
        bundle: Path,
        *,
        threads: int = 1,
        items: int = ITEMS,
        seed: int = 0,
        words: str = WORDS,
    ) -> StepHarness:
        """A bundle with a made-up catalog of its own, in a folder that goes with the harness.

        The threads of NumPy's BLAS are the caller's affair: see `calibration.bench.threads`.

        Args:
            bundle: folder of the bundle.
            threads: of one run of a submodule.
            items: products in the catalog.
            seed: of catalog and frames.
            words: heard before the first step; empty for silence.

        Raises:
            BundleError: the bundle is missing or damaged.
            EngineError: a submodule does not load.
        """
        with ExitStack() as opened:
            network = opened.enter_context(Network.open(bundle, EngineSettings(threads=threads)))
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="sgmn-bench-")))
            catalog = made_up_catalog(folder / "catalog", network.bundle.manifest, items, seed)
            opened.enter_context(catalog)
            harness = cls(network, catalog, seed=seed, words=words)
            harness._owned = opened.pop_all()
            return harness

    def step(self, number: int) -> Step:
        """See frame ``number`` and match; ``latency_ms`` of the answer splits the time by stage."""
        time_s = (1 + number) * PERIOD_S
        self.matcher.see(self.frames[number % FRAMES], time_s)
        return self.matcher.step(time_s)

    def clip(self, number: int) -> Step:
        """Encode all T frames, from frame ``number`` on, one by one as they come, and match."""
        for offset in range(self.network.frames):
            self.matcher.see(self.frames[(number + offset) % FRAMES], float(number))
        return self.matcher.step(float(number))

    def close(self) -> None:
        """Free the network, and the catalog where `open` made it."""
        self._owned.close()
