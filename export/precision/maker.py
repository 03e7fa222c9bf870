"""Bundles of a precision plan, made from an FP32 bundle alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from export.compare import Parity, as_dicts, compare_all
from export.precision.blocks import require_blocks
from export.precision.correction import Means, find_means
from export.precision.graph import save
from export.precision.inference import session
from export.precision.outputs import channel_correction, correct_outputs
from export.precision.plan import PrecisionPlan, Target
from export.precision.processor import for_processor, needs_ranges
from export.precision.range_cache import RangeCache, Statistic, Table, range_key
from export.precision.ranges import Ranges, find_ranges
from export.precision.rehearsal import Feed, Rehearsal, rehearse
from export.precision.simulation import simulated
from export.precision.tensorrt import for_tensorrt
from export.samples import Samples
from runtime.bundle.folder import new_folder
from runtime.bundle.manifest import SUBMODULES, Manifest, Submodule
from runtime.bundle.reader import Bundle, open_bundle
from runtime.bundle.writer import seal
from runtime.catalog.progress import Progress, no_progress
from runtime.errors import ExportError

CORRECTED = ("frame_encoder",)
"""Submodules whose INT8 outputs are corrected channel by channel; heads give unit vectors."""


def make_bundle(
    source: Path,
    plan: PrecisionPlan,
    samples: Samples,
    out: Path,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Make the bundle of one plan; see `BundleMaker.make`, which makes many faster."""
    bundle = open_bundle(source)
    return BundleMaker(bundle, samples, cache=cache, progress=progress).make(plan, out)


class BundleMaker:
    """Makes bundles of several plans from one FP32 bundle; what they have in common is done once.

    Args:
        source: the FP32 bundle, verified.
        samples: pictures and texts that INT8 ranges are measured on and parity is checked with.
        cache: folder of ranges measured before; None measures anew in every process.
        progress: shows progress.
    """

    def __init__(
        self,
        source: Bundle,
        samples: Samples,
        *,
        cache: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._source = source
        self._samples = samples
        self._cache = RangeCache(cache)
        self._progress = progress or no_progress
        self._found: dict[tuple[str, str], Table] = {}
        self._exact: dict[str, list[list[Any]]] = {}

    def make(self, plan: PrecisionPlan, out: Path) -> Manifest:
        """Make the bundle of a plan.

        A plan for ``cpu`` replaces the submodules. One for ``tensorrt`` leaves them as they are and
        adds the graphs that engines are built from.

        Args:
            plan: which precision for what.
            out: folder of the new bundle; must not exist.

        Returns:
            The manifest. Its parity compares every graph with the FP32 one.

        Raises:
            ExportError: the source is not FP32, or a graph is not valid or answers with NaN or
                infinity.
            StorageError: ``out`` exists or cannot be written; nothing is left in it.
            UsageError: the plan holds a block that there is not.
        """
        with new_folder(out) as folder:
            _require_exact(self._source)
            require_blocks(plan, self._source)
            kept = self._copy(folder, plan)
            made = {name: self._graph(name, plan, folder) for name in SUBMODULES}
            parity = {
                name: as_dicts(self._parity(name, folder, made[name], plan)) for name in SUBMODULES
            }
            return seal(folder, self._manifest(plan, kept, made, parity))

    def _copy(self, folder: Path, plan: PrecisionPlan) -> list[str]:
        """The source's files that the new bundle has as well."""
        manifest = self._source.manifest
        left = {part.file for part in manifest.submodules.values() if plan.target == "cpu"}
        if manifest.self_test is not None:
            left.add(manifest.self_test.file)  # of the network that was
        names = [name for name in manifest.files if name not in left]
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._source.folder / name, folder / name)
        return names

    def _graph(self, name: str, plan: PrecisionPlan, folder: Path) -> Submodule:
        part, chosen = self._source.manifest.submodules[name], plan.of(name)
        place = "onnx" if plan.target == "cpu" else "tensorrt"
        file = f"{place}/{name}.{chosen.precision}.onnx"
        (folder / place).mkdir(exist_ok=True)
        coarse, source = chosen.precision == "int8", self._file(name)
        means = self.means(name) if coarse else {}
        if plan.target == "cpu":
            ranges = self.ranges(name, plan) if needs_ranges(name, chosen) else {}
            model = for_processor(
                source, name, chosen, ranges, means, reduce_range=plan.reduce_range
            )
        else:
            model = for_tensorrt(source, chosen, self.ranges(name, plan) if coarse else {}, means)
        if name in CORRECTED and coarse:
            self._correct(name, model, plan.target)
        save(model, folder / file)
        return part.model_copy(update={"file": file, "precision": chosen.precision})

    def _correct(self, name: str, model: Any, target: Target) -> None:
        outputs = [tensor.name for tensor in self._source.manifest.submodules[name].outputs]
        runnable = session(model if target == "cpu" else simulated(model))
        found = self._answers(runnable, name, outputs, "Correcting")
        want = self._wanted(name, outputs)
        corrections = {
            output: channel_correction([one[i] for one in want], [one[i] for one in found])
            for i, output in enumerate(outputs)
        }
        correct_outputs(model, corrections)

    def _wanted(self, name: str, outputs: list[str]) -> list[list[Any]]:
        """What the FP32 graph answers to the samples."""
        if name not in self._exact:
            exact = session(self._file(name))
            self._exact[name] = self._answers(exact, name, outputs, "FP32 answers of")
        return self._exact[name]

    def _answers(self, runnable: Any, name: str, outputs: list[str], label: str) -> list[list[Any]]:
        """What a graph of a submodule answers to the samples."""
        feeds = self.rehearsal.feeds[name]
        shown = self._progress(feeds, label=f"{label} {name}", total=len(feeds))
        return [runnable.run(outputs, dict(feed)) for feed in shown]

    def ranges(self, name: str, plan: PrecisionPlan) -> Ranges:
        """Ranges of a submodule's activations: found before, kept, or measured now.

        Raises:
            StorageError: the cache cannot be written.
        """
        method = plan.calibration.method

        def find(file: Path, feeds: Sequence[Feed]) -> Table:
            return find_ranges(file, feeds, method, self._progress)

        found = self._measured(name, method, find)
        return {tensor: (low, high) for tensor, (low, high) in found.items()}

    def means(self, name: str) -> Means:
        """Means of the channels that a submodule's products are given; likewise.

        Raises:
            StorageError: the cache cannot be written.
        """

        def find(file: Path, feeds: Sequence[Feed]) -> Table:
            return find_means(file, feeds, self._progress)

        return self._measured(name, "means", find)

    def _measured(
        self, name: str, statistic: Statistic, find: Callable[[Path, Sequence[Feed]], Table]
    ) -> Table:
        if (name, statistic) not in self._found:
            key = range_key(self._source.manifest, name, statistic, self._samples)
            table = self._cache.get(key)
            if table is None:
                table = find(self._file(name), self.rehearsal.feeds[name])
                self._cache.put(key, table)
            self._found[name, statistic] = table
        return self._found[name, statistic]

    @cached_property
    def rehearsal(self) -> Rehearsal:
        """What the FP32 bundle does with the samples."""
        return rehearse(self._source, self._samples, self._progress)

    @staticmethod
    def _runnable(file: Path, target: Target) -> Any:
        import onnx

        return session(file if target == "cpu" else simulated(onnx.load(str(file))))

    def _parity(
        self, name: str, folder: Path, made: Submodule, plan: PrecisionPlan
    ) -> list[Parity]:
        """A graph against the FP32 one, on what the FP32 network gives it."""
        outputs = [tensor.name for tensor in made.outputs]
        other = self._runnable(folder / made.file, plan.target)
        found = self._answers(other, name, outputs, "Comparing")
        for answer in found:
            if not all(np.isfinite(values).all() for values in answer):
                raise ExportError(
                    f"{made.file} answers with NaN or infinity",
                    why="a value is too large for the precision of the plan",
                    fix="hold the block that overflows at fp32 in the plan",
                )
        pairs = zip(self._wanted(name, outputs), found, strict=True)
        columns = zip(*[zip(want, got, strict=True) for want, got in pairs], strict=True)
        return [compare_all(out, pair) for out, pair in zip(outputs, columns, strict=True)]

    def _manifest(
        self,
        plan: PrecisionPlan,
        kept: list[str],
        made: Mapping[str, Submodule],
        parity: dict[str, Any],
    ) -> Manifest:
        manifest = self._source.manifest
        note = {
            "plan": plan.as_dict(),
            "plan_digest": plan.digest(),
            "source": self._source.digest,
            "samples": {
                "pictures": len(self._samples.pictures),
                "shop_images": len(self._samples.shop_images),
                "texts": len(self._samples.texts),
                "sha256": self._samples.digest(),
            },
        }
        if plan.target == "tensorrt":
            changes: dict[str, Any] = {
                "tensorrt": dict(made),
                "parity": {**manifest.parity, **{f"tensorrt/{k}": v for k, v in parity.items()}},
                "provenance": {**manifest.provenance, "tensorrt": note},
            }
        else:
            exact = all(part.precision == "fp32" for part in made.values())
            changes = {
                "precision": "fp32" if exact else f"{plan.name}-cpu",
                "submodules": dict(made),
                "accuracy": [],
                "parity": parity,
                "provenance": {**manifest.provenance, "precision": note},
            }
        # Another network, made now: what was stored of the old one's outputs and date is void.
        return manifest.model_copy(update={**changes, "self_test": None, "created_at": None})

    def _file(self, name: str) -> Path:
        return self._source.folder / self._source.manifest.submodules[name].file


def _require_exact(source: Bundle) -> None:
    if any(part.precision != "fp32" for part in source.manifest.submodules.values()):
        raise ExportError(
            f"the bundle in {source.folder} is not FP32",
            why=f"its precision is {source.manifest.precision}; rounding twice loses twice",
            fix="give the bundle that `sgmn export` wrote",
        )
