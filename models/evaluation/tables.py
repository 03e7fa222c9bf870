"""An evaluation as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from models.evaluation.accuracy import DOMAIN, Accuracy
from models.evaluation.difference import Difference
from models.evaluation.evaluate import NOTE, Evaluation
from models.evaluation.metrics import Estimate
from runtime.commands.output import table

GROUPS = ("group", "clips", "R@1", "R@1 if ties count", "R@5", "MRR", "named", "rightly")
CONFIDENCE = ("question", "ECE", "AURC", "AUROC", "names another", "shows nothing")


def show(answers: Sequence[Evaluation]) -> None:
    """Print what was asked and how well it was answered."""
    first = answers[0]
    _show_run(first, answers)
    if not first.groups:
        click.echo("accuracy unknown: the clips have no labels")
        return
    title = "Accuracy in %, with 95 % intervals over products"
    if len(answers) == 1:
        table(title, GROUPS, [_group(name, group) for name, group in first.groups.items()])
    else:
        table(title, *_overview(answers))
    click.echo("named: clips for which the screen names a product, and how many of those rightly")
    table("Confidence", CONFIDENCE, [_trust(one) for one in answers])
    click.echo(
        "ECE: how far confidence and truth lie apart; AURC: mean error when the surest clips are "
        "answered first; AUROC: telling clips whose product is in the catalog from the same clips "
        "with it taken out; names another: share of the latter for which the screen names a "
        "product; shows nothing: share of the former for which it shows none"
    )


def show_differences(found: Mapping[str, Mapping[str, Difference]]) -> None:
    """Print, by question and group, how much better this run is than an earlier one.

    Of several questions only the groups that matter most.
    """
    wanted = None if len(found) == 1 else ("all", "seen", "novel")
    rows = [
        (question, group, str(one.clips), *map(_points, (one.r1, one.r5, one.mrr)))
        for question, groups in found.items()
        for group, one in groups.items()
        if wanted is None or group in wanted
    ]
    columns = ("question", "group", "clips", "R@1", "R@5", "MRR")
    table("Difference to the earlier run in points, with paired 95 % intervals", columns, rows)


def _show_run(first: Evaluation, answers: Sequence[Evaluation]) -> None:
    about, machine = first.bundle, first.machine
    click.echo(
        f"bundle   {about['name']} {about['version']} {about['precision']} {about['digest']}"
    )
    click.echo(f"clips    {len(first.predictions)} ({NOTE})")
    click.echo(f"gallery  {first.gallery} products")
    if first.enrolment:
        found = first.enrolment
        click.echo(
            f"enrolled {found.photos} photos of {found.products} products; {found.excluded} left "
            "out, because clips show the very same photos"
        )
    asked = ", ".join(one.question.name for one in answers)
    if len(answers) == 1:
        asked = f"tier {first.question.tier}, {first.question.modality}"
    click.echo(f"asked    {asked}, {first.question.text_field}")
    click.echo(
        f"time     {first.seconds_a_clip * 1e3:.1f} ms a clip without rendering, "
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load_1min']}"
    )


def _overview(answers: Sequence[Evaluation]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """R@1 of all groups, a row a question."""
    groups = [name for name in answers[0].groups if not name.startswith(DOMAIN)]
    domains = [name for name in answers[0].groups if name.startswith(DOMAIN)]
    columns = [*groups, *(name.removeprefix(DOMAIN) for name in domains)]
    heads = ("question", *(f"R@1 {name}" for name in columns), "R@5", "named", "rightly")
    rows = []
    for one in answers:
        every = one.groups["all"]
        shares = [_percent(one.groups[name].r1) for name in (*groups, *domains)]
        rest = map(_percent, (every.r5, every.coverage, every.precision))
        rows.append((one.question.name, *shares, *rest))
    return heads, rows


def _group(name: str, group: Accuracy) -> tuple[str, ...]:
    values = (group.r1, group.r1_optimistic, group.r5, group.mrr, group.coverage, group.precision)
    return name, str(group.clips), *map(_percent, values)


def _trust(one: Evaluation) -> tuple[str, ...]:
    judged = one.confidence
    if judged is None:
        return one.question.name, *"-----"
    numbers = f"{judged.ece:.3f}", f"{judged.aurc:.3f}"
    if judged.open_set is None:
        return one.question.name, *numbers, *"---"
    apart = judged.open_set
    shares = map(_percent, (apart.false_accept, apart.false_nothing))
    return one.question.name, *numbers, f"{apart.auroc:.3f}", *shares


def _percent(value: Estimate | None) -> str:
    if value is None:
        return "-"
    if value.low is None or value.high is None:
        return f"{value.value * 100:.1f}"
    return f"{value.value * 100:.1f}\n{value.low * 100:.0f}-{value.high * 100:.0f}"


def _points(value: Estimate) -> str:
    if value.low is None or value.high is None:
        return f"{value.value * 100:+.1f}"
    return f"{value.value * 100:+.1f}\n{value.low * 100:+.0f} to {value.high * 100:+.0f}"
