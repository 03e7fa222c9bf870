"""One run of ``sgmn evaluate``: from what was asked for to what is shown and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from models.data.clip import Clip, TextField, Tier
from models.data.grocery_lpr import read_clips
from models.evaluation.difference import Difference, Earlier
from models.evaluation.evaluate import Evaluation, as_dict, evaluate
from models.evaluation.gallery import Stock
from models.evaluation.prediction import Modality, Question, questions_of, write_predictions
from runtime.catalog.progress import Progress
from runtime.errors import ClipListError, UsageError
from runtime.network import Network

ALL = "all"


@dataclass(frozen=True)
class Request:
    """Which clips to ask for, and how.

    Attributes:
        manifest: clips, a line a clip.
        root: the folder that photo paths are relative to.
        tiers: names of tiers; ``all`` stands for those that every clip has.
        modalities: names of modalities, or ``all``.
        text_field: which words.
        limit: take the first clips only; all where None.
    """

    manifest: Path
    root: Path
    tiers: Sequence[str]
    modalities: Sequence[str]
    text_field: TextField
    limit: int | None

    def clips(self) -> list[Clip]:
        """Read the clips.

        Raises:
            ClipListError: the manifest, a line or a photo cannot be used.
        """
        alone = len(self.tiers) == 1 and ALL not in self.tiers
        tier = cast(Tier, self.tiers[0]) if alone else None
        return read_clips(self.manifest, self.root, tier)[: self.limit]

    def questions(self, clips: Sequence[Clip]) -> list[Question]:
        """Every tier with every modality.

        Raises:
            ClipListError: all tiers are wanted and the clips have none in common.
        """
        tiers: Sequence[Any] = list(dict.fromkeys(self.tiers))
        if ALL in tiers:
            tiers = [t for t in get_args(Tier) if all(t in clip.tiers for clip in clips)]
        if not tiers:
            raise ClipListError(
                f"the clips of {self.manifest} have no tier in common",
                why="--tier all takes those that every clip has",
                fix="choose tiers with --tier",
            )
        modalities: Any = list(dict.fromkeys(self.modalities))
        return questions_of(
            tiers, get_args(Modality) if ALL in modalities else modalities, self.text_field
        )


@dataclass(frozen=True)
class Run:
    """What came of a request.

    Attributes:
        answers: an evaluation a question.
        differences: to an earlier run, by question and group; None where none was given.
        request: what was asked for.
        stock: what the catalog was made of.
    """

    answers: Sequence[Evaluation]
    differences: Mapping[str, Mapping[str, Difference]] | None
    request: Request
    stock: Stock

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready fields; those of its evaluation where there was one question."""
        alone = len(self.answers) == 1
        found = self.answers[0].as_dict() if alone else as_dict(self.answers)
        if self.differences is None:
            return found
        difference = {
            question: {name: one.as_dict() for name, one in groups.items()}
            for question, groups in self.differences.items()
        }
        return {**found, "difference": difference}

    def write(self, predictions: Path | None, report: Path | None) -> None:
        """Write the files that were asked for.

        Raises:
            OSError: a folder cannot be written or the disk is full.
        """
        if predictions is not None:
            write_predictions(
                predictions, [(one.question, one.predictions) for one in self.answers]
            )
        if report is not None:
            from models.evaluation.report.write import write_report

            write_report(report, self.answers, self.request.root, self.stock)

    def show(self) -> None:
        """Print tables for people."""
        from models.evaluation.tables import show, show_differences

        show(self.answers)
        if self.differences is not None:
            show_differences(self.differences)


def run(
    request: Request,
    stock: Stock,
    bundle: Path,
    against: Path | None,
    report: Path | None,
    progress: Progress,
    open_network: Callable[[Path], AbstractContextManager[Network]] = Network.open,
) -> Run:
    """Ask a bundle.

    Args:
        request: clips and questions.
        stock: what the catalog is made of.
        bundle: folder of the network bundle.
        against: predictions of an earlier run.
        report: folder of the page that will be written; labels are needed for it.
        progress: shows progress.
        open_network: opens the bundle, on the processor unless it does otherwise.

    Raises:
        SgmnError: as `evaluate`; the earlier run answers other questions; or a comparison or a
            report is wanted of clips without labels.
    """
    clips = request.clips()
    questions = request.questions(clips)
    if (against or report) and all(clip.product_id is None for clip in clips):
        raise UsageError(
            "there is nothing to compare or to report",
            why="the clips have no labels",
            fix="leave --against and --report out, or give labelled clips",
        )
    earlier = Earlier.read(against) if against else None
    if earlier:
        earlier.check(questions)
    answers = evaluate(
        clips, request.root, stock, questions, bundle, progress, open_network=open_network
    )
    return Run(answers, _differences(earlier, answers) if earlier else None, request, stock)


def _differences(
    earlier: Earlier, answers: Sequence[Evaluation]
) -> dict[str, dict[str, Difference]]:
    alone = len(answers) == 1
    return {
        one.question.name: earlier.differences(one.question, one.predictions, alone=alone)
        for one in answers
    }
