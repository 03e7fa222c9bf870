"""One run of ``sgmn report``: measuring what is not remembered, and writing the folder."""

from __future__ import annotations

from calibration.measurement.workplace import Workplace
from calibration.records.report import Report
from calibration.report.pictures import ClipPictures
from calibration.report.write import write_report
from calibration.survey import Survey
from runtime.catalog.progress import Progress


def run(place: Workplace, survey: Survey, progress: Progress, command: str = "") -> Report:
    """Measure and write; the page, its files and the recommended plan lie in the place's folder.

    Args:
        place: where, on what and how it is measured.
        survey: what is measured.
        progress: shows progress.
        command: that made the report; may be empty.

    Raises:
        SgmnError: an input cannot be used, a bundle cannot be built or does not run.
        OSError: the folder cannot be written or the disk is full.
    """
    with place.open() as measurer:
        found = survey.run(measurer, progress)
        exam = measurer.exam
        images = {item.id: item.image for item in exam.items.values()}
        write_report(place.out, found, ClipPictures(exam.clips, exam.root, images), command)
    return found
