"""Where the speech model is, and whether it is whole."""

from __future__ import annotations

import os
from pathlib import Path

from runtime.errors import SpeechError

MODEL_VARIABLE = "SGMN_SPEECH_MODEL"
"""Environment variable that names the folder of a speech model."""

_SHIPPED = Path(__file__).resolve().parent.parent / "assets" / "speech" / "vosk-tiny-synthetic"
_FIX = (
    "unpack a Vosk model such as vosk-model-small-en-us-0.15 again and give its folder, "
    f"or set {MODEL_VARIABLE}"
)


def find_model(explicit: Path | None = None) -> Path | None:
    """The folder of the speech model to use, absolute, or None if there is none.

    The first of: ``explicit``, the environment variable ``SGMN_SPEECH_MODEL``, the model shipped
    with the program. A folder that was asked for is returned even where it does not exist, so
    that ``check_model`` can say so instead of another model answering in its place.
    """
    if explicit is not None:
        return explicit.expanduser().absolute()
    named = os.environ.get(MODEL_VARIABLE, "").strip()
    if named:
        return Path(named).expanduser().absolute()
    return _SHIPPED if _SHIPPED.is_dir() else None


def check_model(path: Path) -> None:
    """See that every file Vosk needs is there and not empty.

    Vosk itself says only that it failed, and reaches for the network when given a name.

    Raises:
        SpeechError: names what is missing.
    """
    if not path.is_dir():
        why = "it is not a folder" if path.exists() else "there is no such folder"
        raise SpeechError(f"no speech model at {path}", why=why, fix=_FIX)
    for name in _needed(path):
        if not _whole(path / name):
            raise SpeechError(
                f"the speech model {path} is not whole", why=f"{name} is missing or empty", fix=_FIX
            )


def _needed(path: Path) -> list[str]:
    """Vosk reads a newer layout, in folders, and an older one with everything in the root."""
    in_folders = (path / "am").is_dir()
    acoustic, conf, graph = ("am/", "conf/", "graph/") if in_folders else ("", "", "")
    whole_graph = graph + "HCLG.fst"
    look_ahead = [graph + "HCLr.fst", graph + "Gr.fst", graph + "disambig_tid.int"]
    graphs = [whole_graph] if (path / whole_graph).exists() else look_ahead
    return [acoustic + "final.mdl", conf + "mfcc.conf", *graphs]


def _whole(file: Path) -> bool:
    try:
        return file.is_file() and file.stat().st_size > 0
    except OSError:
        return False
