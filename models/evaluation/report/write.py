"""Writes the results page and its figures into a folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.evaluation.accuracy import DOMAIN
from models.evaluation.evaluate import Evaluation, as_dict
from models.evaluation.gallery import Stock
from models.evaluation.page.files import csv_text, write_files
from models.evaluation.page.plot import for_page
from models.evaluation.page.reliability import reliability_diagram, risk_coverage_curve
from models.evaluation.page.template import render
from models.evaluation.report.mistakes import product_results, read_products, worst_mistakes
from models.evaluation.report.sentences import asked, headline

PACKAGE, TEMPLATE = "models.evaluation.report", "page.html.j2"
METRICS = ("r1", "r1_optimistic", "r5", "mrr", "coverage", "precision")


def write_report(folder: Path, answers: Sequence[Evaluation], root: Path, stock: Stock) -> None:
    """Write index.html, results.json, conditions.csv, products.csv and two figures a question.

    The page holds its pictures itself and asks for nothing from a network. The first question is
    the one it tells of in words. Files of an earlier report are replaced.

    Args:
        folder: is made where it does not exist.
        answers: at least one, of labelled clips.
        root: the folder that photo paths are relative to.
        stock: what the catalog was made of.

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing has changed.
    """
    first = answers[0]
    products = read_products(stock.feeds)
    results = product_results(first.predictions, products)
    figures = {name: svg for one in answers for name, svg in _figures(one).items()}
    page = render(
        PACKAGE,
        TEMPLATE,
        {"asked": asked},
        domain=DOMAIN,
        answers=answers,
        sentences=headline(first),
        groups=list(first.groups),
        results=results,
        mistakes=worst_mistakes(first, products, root),
        figures=[for_page(svg) for svg in _figures(first).values()],
    )
    found = json.dumps({**as_dict(answers), "products": [asdict(one) for one in results]}, indent=1)
    contents = {
        **figures,
        "results.json": found,
        "conditions.csv": csv_text(_conditions(answers)),
        "products.csv": csv_text(asdict(one) for one in results),
        "index.html": page,
    }
    write_files(folder, contents)


def _figures(one: Evaluation) -> dict[str, str]:
    if one.confidence is None:
        return {}
    name = one.question.name.replace(" ", "-")
    answered = one.groups["all"].coverage.value
    return {
        f"reliability-{name}.svg": reliability_diagram(one.confidence.reliability),
        f"risk-coverage-{name}.svg": risk_coverage_curve(one.confidence.curve, answered),
    }


def _conditions(answers: Sequence[Evaluation]) -> Iterable[dict[str, Any]]:
    for one in answers:
        tier = one.question.tier if one.question.looks else ""
        for name, group in one.groups.items():
            row = {"tier": tier, "modality": one.question.modality, "group": name}
            row.update(clips=str(group.clips), products=str(group.products))
            for metric in METRICS:
                value = getattr(group, metric)
                for part in ("value", "low", "high"):
                    row[f"{metric}_{part}"] = "" if value is None else value.as_dict()[part]
            yield row
