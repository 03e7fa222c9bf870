"""Training on LPR4M and MovingFashion in their published formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from export.bundle import export_bundle
from models.commands import evaluate, train
from models.data.corpus import Corpus
from models.data.downloads import MissingDataWarning
from models.data.holdout import HELD, hold_out, unambiguous
from models.data.lpr4m import Lpr4m
from models.data.moving_fashion import moving_fashion
from models.sgmn import load_checkpoint
from models.training.config import DataConfig, EpisodeConfig
from models.training.data import read_data
from models.training.episodes import EpisodeSampler
from models.training.log import read_log
from runtime.errors import ClipListError
from tests.export.conftest import shop_samples
from tests.models.made_up_lpr4m import COLOURS, make_test, make_training, paint
from tests.models.made_up_shop import make_grocery
from tests.runtime.capture.media import shade, write_clip

SETTINGS = """
preset = "tiny"
seed = 6
frozen = ["query_head.temporal"]
[data]
format = "{format}"
stores = []
validation = 0.5
[train]
steps = 3
batch = 3
validate_every = 3
[losses]
text = 1.0
[projection]
steps = {projection}
batch = 2
"""
FROM_PIXELS = """
[encoders]
train = true
[augmentation]
on = true
blur = 1.0
[speech]
on = true
"""


def make_videos(root: Path) -> Path:
    """Four products with a video each, of which the last two share theirs, and one of their own."""
    records = []
    for number, colour in enumerate(COLOURS):
        paint(root / "imgs" / f"{colour}.jpg", colour)
        (root / "videos").mkdir(exist_ok=True)
        name = f"videos/{min(number, 2)}.avi"
        shades = [shade(number + n // 4) for n in range(10)]
        write_clip(root / name, shades, fps=4)
        records.append({"img_path": f"imgs/{colour}.jpg", "video_paths": [name], "source": 1})
    write_clip(root / "videos" / "own.avi", [shade(4)] * 10, fps=4)
    records[2]["video_paths"] = ["videos/2.avi", "videos/own.avi"]
    (root / "train.json").write_text(json.dumps(records), encoding="utf-8")
    return root


MAKERS = {"lpr4m": make_training, "movingfashion": make_videos}


def _trained(folder: Path, root: Path, data: str, more: str) -> Path:
    settings, out = folder / "run.toml", folder / "runs" / "one"
    text = SETTINGS.format(format=data, projection=0 if more else 2) + more
    settings.write_text(text, encoding="utf-8")
    arguments = ["--config", str(settings), "--data", str(root), "--out", str(out)]
    CliRunner().invoke(train, arguments, catch_exceptions=False)
    return out


@pytest.mark.filterwarnings("ignore::UserWarning:rich")
@pytest.mark.parametrize("more", ["", FROM_PIXELS], ids=["features", "pixels"])
@pytest.mark.parametrize(("data", "make"), MAKERS.items())
def test_the_command_trains_on_it(
    tmp_path: Path, data: str, make: Callable[[Path], Path], more: str
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    out = _trained(tmp_path, make(root), data, more)
    _, notes = load_checkpoint(out / "checkpoint.safetensors")
    assert set(notes["data"]) == {data, "validation"}
    assert notes["config"]["data"]["format"] == data
    assert read_log(out / "log.csv")["step"] == [0, 1, 2]
    # Nothing at all is said in MovingFashion: no query has words to learn from.
    heard = sum(read_log(out / "log.csv")["text"])
    assert heard > 0 if data == "lpr4m" else heard == 0
    assert f"image_{HELD}" in read_log(out / "validation.csv")


@pytest.mark.filterwarnings("ignore::UserWarning:rich")
def test_what_was_trained_on_lpr4m_answers_its_test(tmp_path: Path) -> None:
    root = make_test(make_training(tmp_path / "data"))
    out = _trained(tmp_path, root, "lpr4m", "")
    bundle = tmp_path / "bundle"
    samples = shop_samples(make_grocery(tmp_path / "shop"))
    export_bundle(out / "checkpoint.safetensors", out / "tokenizer.json", samples, bundle)
    arguments = ["--format", "lpr4m", "--root", str(root), "--bundle", str(bundle), "--json"]
    answer = CliRunner().invoke(evaluate, arguments, catch_exceptions=False)
    found = json.loads(answer.stdout)["recall"]["shelf"]["all"]
    assert (found["queries"], found["failed"]) == (3, 1)
    assert found["r5"]["value"] == pytest.approx(2 / 3, abs=1e-4)


def _products(corpus: Corpus) -> set[str]:
    return {item.key for item in corpus.items}


def test_no_product_is_both_trained_on_and_judged(tmp_path: Path) -> None:
    whole = Lpr4m(make_training(tmp_path)).train()
    sizes = set()
    for seed in range(6):
        rest, judged = hold_out(whole, 0.5, seed)
        assert _products(rest) | _products(judged) == _products(whole)
        assert not _products(rest) & _products(judged)
        assert len(rest.shots) + len(judged.shots) == len(whole.shots)
        for part in (rest, judged):
            for shot in part.shots:
                assert f"training-{list(COLOURS).index(_colour(part, shot.item))}" in shot.key
        assert [text for _, text in judged.sentences] == [
            s.speech.heard or "" for s in judged.shots
        ]
        assert [i for i, _ in judged.sentences] == [s.item for s in judged.shots]
        assert all(_colour(rest, i) in text for i, text in rest.sentences)
        sizes.add(len(judged.items))
    assert len(sizes) > 1, "the seed decides"


def _colour(corpus: Corpus, item: int) -> str:
    return corpus.items[item].key.split("/")[-1]


def test_a_product_stays_where_it_is_when_others_come(tmp_path: Path) -> None:
    root = make_training(tmp_path)
    some, _ = hold_out(Lpr4m(root).train(limit=4), 0.5, 3)
    every, _ = hold_out(Lpr4m(root).train(), 0.5, 3)
    assert _products(some) == _products(every) & {"lpr4m/red", "lpr4m/green"}


def test_a_video_of_two_products_is_nobodys_negative(tmp_path: Path) -> None:
    corpus = unambiguous(moving_fashion(make_videos(tmp_path), "train"))
    videos = [shot.key.split("/")[-1] for shot in corpus.shots]
    assert videos == ["0.avi", "1.avi", "own.avi"]
    assert corpus.digest != moving_fashion(tmp_path, "train").digest


@pytest.mark.parametrize(("data", "make"), MAKERS.items())
def test_the_limit_takes_the_first(tmp_path: Path, data: str, make: Callable[[Path], Path]) -> None:
    config = DataConfig(format=data, limit=2, validation=0.0, stores=())  # type: ignore[arg-type]
    root = tmp_path / "data"
    root.mkdir()
    found = read_data(config, make(root), 0)
    assert found.validation is None
    assert len(found.corpora[0].shots) == 2
    assert len(_products(found.corpora[0])) == {"lpr4m": 1, "movingfashion": 2}[data]


def test_nothing_left_to_train_on_is_told(tmp_path: Path) -> None:
    root = make_training(tmp_path)
    for picture in (root / "frames").iterdir():
        picture.unlink()
    config = DataConfig(format="lpr4m", stores=())
    with (
        pytest.warns(MissingDataWarning),
        pytest.raises(ClipListError, match="nothing to train on"),
    ):
        read_data(config, root, 0)


def test_a_department_larger_than_a_batch_is_shown_as_a_whole_in_time() -> None:
    """LPR4M's groups are categories of thousands."""
    shots = [(i, "clip", (i,)) for i in range(40)]
    groups = ["bags"] * 36 + ["hats"] * 4
    sampler = EpisodeSampler(
        shots, [], groups, frames=2, batch=8, seed=1, config=EpisodeConfig(silent=0.0)
    )
    drawn = [sampler.draw(step) for step in range(60)]
    seen = [set(one.items.tolist()) for one in drawn]
    assert set().union(*seen) == set(range(40))
    assert all(len(some) == 8 for some in seen)
    assert all(bool((one.sentences == -1).all()) and not one.spoken.any() for one in drawn)


def test_the_fashion_catalog_is_staged_beside_the_photos(tmp_path: Path) -> None:
    root = make_grocery(tmp_path / "data")
    fashion = make_grocery(tmp_path / "fashion") / "dev"
    (fashion / "views.csv").write_text("path,product_id\n", encoding="utf-8")
    off, on = (
        read_data(DataConfig(stores=(), fashion=folder, fashion_staged=3), root, 0)
        for folder in ("", str(fashion))
    )
    assert [c.items[0].key.split("/")[0] for c in on.corpora] == ["grocery", "fashion"]
    assert [c.digest for c in off.corpora] == [on.corpora[0].digest]
    assert {len(shot.pictures) for shot in on.corpora[1].shots} == {3}
    assert on.corpora[1].shots[0].pictures[0]().ndim == 3
