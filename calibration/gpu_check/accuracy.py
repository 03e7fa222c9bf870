"""How often the right product is named, of labelled clips, with the engines of one precision."""

from __future__ import annotations

from importlib.util import find_spec

from calibration.gpu_check.lab import Lab, Tell
from calibration.gpu_check.material import read_material
from calibration.gpu_check.outcome import SkippedError

NEEDED = {"PIL": "pillow", "rapidfuzz": "rapidfuzz", "jellyfish": "jellyfish"}


def accuracy(lab: Lab, tell: Tell, preset: str, precision: str) -> None:
    """As `sgmn evaluate`, catalog and photos encoded by the same engines.

    Raises:
        SkippedError: there are no clips, or a package is missing that reads them.
        InputError: clips or feeds cannot be used.
        GpuError: the engines cannot be used.
    """
    data = lab.job.data
    if data is None:
        raise SkippedError(
            "no labelled clips were given",
            why="--clips, --root and --catalog name them",
            fix="give all three, and --distractors and --enrol as with sgmn evaluate",
        )
    if read_material(lab.job.material)["presets"][preset]["weights"] != "trained":
        raise SkippedError(
            "there is no accuracy to measure",
            why=f"the weights of {preset} were drawn",
            fix="give a trained bundle to sgmn gpu-check prepare --lite BUNDLE",
        )
    missing = [name for module, name in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise SkippedError(
            "clips cannot be read here",
            why=f"{', '.join(missing)} are not installed",
            fix=f"pip install {' '.join(missing)}",
        )
    from models.evaluation.gallery import Stock
    from models.evaluation.run import Request, run
    from runtime.catalog.progress import no_progress

    bundle = lab.bundle(preset, precision)
    request = Request(data.clips, data.root, ("L0",), ("fused",), "text_asr", None)
    stock = Stock(data.catalog, data.distractors, data.enrol)
    found = run(
        request,
        stock,
        bundle.folder,
        None,
        None,
        no_progress,
        open_network=lambda _: lab.network(preset, precision),
    )
    tell(**found.as_dict())
