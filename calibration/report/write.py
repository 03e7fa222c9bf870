"""Writes a report into its folder."""

from __future__ import annotations

import json
from pathlib import Path

from calibration.plans import plan_text
from calibration.records.json import to_json
from calibration.records.report import Report
from calibration.report import figures, tables
from calibration.report.page import page
from calibration.report.pictures import Pictures
from models.evaluation.page.files import write_files

PAGE, RECORD, PLAN = "index.html", "report.json", "recommended.toml"


def write_report(folder: Path, report: Report, pictures: Pictures, command: str = "") -> None:
    """Write page, record, recommended plan, CSV tables and SVG plots, in place of those of before.

    Args:
        folder: is made where it does not exist.
        report: what they show.
        pictures: of clips and products.
        command: that made the report, for those who want to repeat it.

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing has changed.
    """
    drawn = figures.figures(report)
    record = json.dumps(to_json(report), indent=1, allow_nan=False) + "\n"
    plan = plan_text(report.recommendation.plan)
    beside = {RECORD: record, PLAN: plan, **tables.csv_files(report), **drawn}
    contents = {**beside, PAGE: page(report, drawn, pictures, sorted(beside), command)}
    write_files(folder, contents, earlier=(*tables.NAMES, *figures.NAMES))
