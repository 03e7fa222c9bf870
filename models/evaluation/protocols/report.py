"""A published benchmark, measured through the runtime, as figures and as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from models.data.corpus import Corpus
from models.data.lpr4m import Lpr4m
from models.data.moving_fashion import moving_fashion as read_moving_fashion
from models.evaluation.protocols.asking import Asked, ask, encode_items
from models.evaluation.protocols.published import Scope, lpr4m, moving_fashion
from models.evaluation.protocols.recall import Recall
from runtime.bundle.files import write_durably
from runtime.catalog.importer import Progress
from runtime.machine import describe
from runtime.network import Network

Format = Literal["lpr4m", "movingfashion"]

NOTE = (
    "every query of the split is in the denominator, failures are misses; "
    "R@k counts every tie against the right items, rk_optimistic for them"
)


@dataclass(frozen=True)
class Benchmark:
    """What was measured.

    Attributes:
        data: the data set's format.
        recalls: by scope and group.
        asked: by scope the answers and failures.
        bundle: name, version, precision and digest of the network.
        machine: hardware, versions and load when it was measured.
    """

    data: Format
    recalls: Mapping[Scope, Mapping[str, Recall]]
    asked: Mapping[Scope, Asked]
    bundle: Mapping[str, str]
    machine: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields, without the answers."""
        recalls = {s: {g: r.as_dict() for g, r in some.items()} for s, some in self.recalls.items()}
        failures = {scope: dict(asked.failures) for scope, asked in self.asked.items()}
        return {
            "note": NOTE,
            "format": self.data,
            "bundle": dict(self.bundle),
            "recall": recalls,
            "failures": failures,
            "machine": dict(self.machine),
        }


def measure(
    data: Format, root: Path, bundle: Path, limit: int | None, progress: Progress
) -> Benchmark:
    """Ask a bundle for the test split of a data set, in every scope its protocol has.

    Args:
        data: the format.
        root: folder of the data set.
        bundle: folder of the network bundle.
        limit: take the first queries only; the result is then no published figure.
        progress: shows progress, as `runtime.commands.output.progress`.

    Raises:
        ClipListError: the data set cannot be read.
        BundleError: the bundle is missing or damaged.
        EngineError: a submodule does not load or run.
    """
    corpus = _first(Lpr4m(root).test() if data == "lpr4m" else _videos(root), limit)
    recalls: dict[Scope, Mapping[str, Recall]] = {}
    asked: dict[Scope, Asked] = {}
    with Network.open(bundle) as network:
        encoded = encode_items(network, corpus, progress)
        if data == "lpr4m":
            asked["shelf"] = ask(network, corpus, encoded, "shelf", progress)
            recalls["shelf"] = lpr4m(corpus, asked["shelf"].answers)
        else:
            scopes: tuple[Literal["innersource", "allsource"], ...] = ("innersource", "allsource")
            for scope in scopes:
                asked[scope] = ask(network, corpus, encoded, scope, progress)
                recalls[scope] = moving_fashion(corpus, asked[scope].answers, scope)
        about = network.bundle.manifest
        named = {"name": about.name, "version": about.version, "precision": about.precision}
        digest = network.bundle.digest
    return Benchmark(data, recalls, asked, {**named, "digest": digest}, describe())


def write_answers(path: Path, found: Benchmark) -> None:
    """Write a line a query and scope; the file is complete or not there at all.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """
    lines = [
        json.dumps({"scope": scope, "clip_id": key, "ranked": list(a), "scores": list(a.values())})
        for scope, asked in found.asked.items()
        for key, a in asked.answers.items()
    ]
    write_durably(path, "".join(f"{line}\n" for line in lines).encode())


def table_rows(found: Benchmark) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows for people: R@k in percent, ties against."""
    every = [
        (scope, group, r) for scope, some in found.recalls.items() for group, r in some.items()
    ]
    ks = list(every[0][2].pessimistic)
    columns = ("searched in", "group", "queries", "failed", "gallery", *(f"R@{k}" for k in ks))
    rows = [
        (
            scope,
            group,
            str(recall.queries),
            str(recall.failed),
            f"{recall.gallery:.0f}",
            *(f"{recall.pessimistic[k].value * 100:.1f}" for k in ks),
        )
        for scope, group, recall in every
    ]
    return columns, rows


def _videos(root: Path) -> Corpus:
    return read_moving_fashion(root, "test")


def _first(corpus: Corpus, limit: int | None) -> Corpus:
    if limit is None:
        return corpus
    left = max(0, limit - len(corpus.shots))
    return replace(corpus, shots=corpus.shots[:limit], lost=corpus.lost[:left])
