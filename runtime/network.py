"""The network as the rest of the runtime sees it: five submodules behind typed calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runtime.bundle.manifest import SUBMODULES
from runtime.bundle.reader import Bundle, open_bundle
from runtime.catalog.catalog import CatalogReader, ItemVectors, PhotoVector
from runtime.catalog.publisher import PhotoPublisher
from runtime.engines.chain import DeviceChain
from runtime.engines.engine import Engine, TensorSpec
from runtime.engines.opening import EngineFactory, onnxruntime_engine
from runtime.engines.selection import Choice, Selection
from runtime.engines.settings import GPU_BATCH, ON_PROCESSOR, EngineSettings
from runtime.lifecycle import Closable
from runtime.memory import EncodedFrame, FrameWindow, window
from runtime.text import TextTokenizer, item_text

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TextFeatures:
    """Texts after the text encoder, padded to the head's length L.

    Attributes:
        pooled: float32 [N, E], unit length.
        tokens: float32 [N, L, E].
        mask: float32 [N, L].
    """

    pooled: FloatArray
    tokens: FloatArray
    mask: FloatArray

    def row(self, index: int) -> TextFeatures:
        """One text as a batch of one."""
        part = slice(index, index + 1)
        return TextFeatures(self.pooled[part], self.tokens[part], self.mask[part])


@dataclass(frozen=True)
class Query:
    """What the query head made of frames and speech.

    Attributes:
        vector: float32 [V], for the first stage.
        nodes: float32 [1, T, G], for the second stage.
        patches: float32 [1, T, R, G], places of each frame, for the second stage.
        attention: float32 [T, P], where the speech text looks in each frame.
        mask: float32 [1, T], which nodes are real frames.
    """

    vector: FloatArray
    nodes: FloatArray
    patches: FloatArray
    attention: FloatArray
    mask: FloatArray


class Network(Closable):
    """The five submodules of a verified bundle.

    Args:
        bundle: the verified bundle.
        engines: one open engine for every submodule name; closed with the network.
        tokenizer: the bundle's tokenizer.
        batch: pictures of one run of the frame encoder.
        choice: why these engines; what shares a device is closed with the network.
    """

    def __init__(
        self,
        bundle: Bundle,
        engines: Mapping[str, Engine],
        tokenizer: TextTokenizer,
        *,
        batch: int = 1,
        choice: Choice | None = None,
    ) -> None:
        self.bundle = bundle
        self._batch = batch
        self._choice = choice
        self._engines = dict(engines)
        self._tokenizer = tokenizer
        specs = {spec.name: spec for spec in self._engines["query_head"].inputs}
        self._frames = _fixed(specs["cls"], 1)
        self._cls_size = _fixed(specs["cls"], 2)
        self._token_shape = (_fixed(specs["tokens"], 2), _fixed(specs["tokens"], 3))
        self._text_length = _fixed(specs["text_tokens"], 1)
        self._text_size = _fixed(specs["text_tokens"], 2)

    @classmethod
    def open(
        cls,
        folder: Path,
        settings: EngineSettings = ON_PROCESSOR,
        make_engine: EngineFactory = onnxruntime_engine,
    ) -> Network:
        """Verify a bundle and load its submodules.

        Args:
            folder: the bundle.
            settings: what runs it, with how many threads.
            make_engine: chooses the engine of each submodule.

        Raises:
            BundleError: the bundle is missing, damaged or of another schema version.
            EngineError: a submodule does not load, or not on what was asked for.
        """
        return cls.of(open_bundle(folder), settings, make_engine)

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        settings: EngineSettings = ON_PROCESSOR,
        make_engine: EngineFactory = onnxruntime_engine,
        *,
        choice: Choice | None = None,
    ) -> Network:
        """Load the submodules of a verified bundle.

        Args:
            bundle: verified.
            settings: what runs it where no engines were chosen.
            make_engine: likewise, chooses the engine of each submodule.
            choice: of `runtime.engines.selection.choose_engines`.

        Raises:
            EngineError: a submodule does not load, or not on what was asked for.
        """
        manifest = bundle.manifest
        tokenizer = TextTokenizer.load(
            bundle.folder / manifest.text.tokenizer, manifest.text.max_tokens
        )
        if choice is not None and choice.engine_set is not None:
            found = choice.engine_set.engines
            return cls(bundle, found, tokenizer, batch=GPU_BATCH, choice=choice)
        with ExitStack() as opened:
            engines = {
                name: opened.enter_context(make_engine(bundle, name, settings))
                for name in SUBMODULES
            }
            network = cls(bundle, engines, tokenizer, batch=settings.batch, choice=choice)
            opened.pop_all()
            return network

    @property
    def image_size(self) -> int:
        """Side S of the frame encoder's input in pixels."""
        return self.bundle.manifest.preprocessing.size

    @property
    def publisher(self) -> PhotoPublisher:
        """Makes the vectors of a catalog, with the bundle's constants."""
        return PhotoPublisher(self.bundle.manifest.publish)

    @property
    def frames(self) -> int:
        """T, the frames of one query."""
        return self._frames

    @property
    def shortlist(self) -> int:
        """K, the candidates of the re-ranker."""
        return self.bundle.manifest.shortlist

    @property
    def visual_size(self) -> int:
        """Length of the visual part of a first-stage vector [visual; quality or bias; text]."""
        outputs = {spec.name: spec for spec in self._engines["query_head"].outputs}
        return _fixed(outputs["query"], 1) - 1 - self._text_size

    @property
    def providers(self) -> dict[str, str]:
        """What really runs each submodule."""
        return {name: engine.provider for name, engine in self._engines.items()}

    @property
    def engines(self) -> Mapping[str, Engine]:
        """What runs each submodule, by its name."""
        return self._engines

    def chain(self, catalog: CatalogReader) -> DeviceChain | None:
        """Steps that stay on one device; None where the engines do not share one."""
        engine_set = None if self._choice is None else self._choice.engine_set
        return None if engine_set is None else engine_set.chain(catalog)

    @property
    def selection(self) -> Selection | None:
        """Why these engines run it; None where ONNX Runtime was asked for by name."""
        return None if self._choice is None else self._choice.selection

    def adopt(self, choice: Choice) -> None:
        """Take the outcome of a later selection for the same bundle.

        Its engines replace those of ONNX Runtime, which are closed; where it has none, its reason
        replaces the old one. On the thread that uses the network, between two steps.
        """
        if self._choice is not None and self._choice.engine_set is not None:
            raise ValueError("TensorRT engines run the network already")
        if choice.engine_set is not None:
            self.close()
            self._batch = GPU_BATCH
            self._engines = dict(choice.engine_set.engines)
        self._choice = choice

    def encode_frames(
        self, images: npt.NDArray[np.uint8], times_s: Sequence[float]
    ) -> list[EncodedFrame]:
        """Encode pictures, uint8 [N, S, S, 3] RGB."""
        rows = zip(*self._frame_features(images), times_s, strict=True)
        return [EncodedFrame(cls, tokens, time_s) for cls, tokens, time_s in rows]

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        """Encode texts; an empty text gives the encoder's answer to no words.

        One by one: a dynamically quantised encoder scales by the whole batch, and a product must
        not depend on what stands beside it in a feed.
        """
        pooled = np.zeros((len(texts), self._text_size), np.float32)
        tokens = np.zeros((len(texts), self._text_length, self._text_size), np.float32)
        mask = np.zeros((len(texts), self._text_length), np.float32)
        for row, text in enumerate(texts):
            alone = self._tokenizer.encode([text])
            out = self._engines["text_encoder"].run({"ids": alone.ids, "mask": alone.mask})
            length = alone.ids.shape[1]
            pooled[row], tokens[row, :length] = out["pooled"][0], out["tokens"][0]
            mask[row, :length] = alone.mask[0]
        return TextFeatures(pooled, tokens, mask)

    def says_something(self, text: str) -> bool:
        """Whether a text holds a word that the network can read."""
        return self._tokenizer.says_something(text)

    def query(self, frames: list[EncodedFrame], text: TextFeatures | None) -> Query:
        """Join at most T frames and the speech text (or None) into a query."""
        view = window(frames, self._frames, self._cls_size, self._token_shape)
        out = self._engines["query_head"].run(self._head_inputs(view, text))
        return Query(out["query"][0], out["nodes"], out["patches"], out["attention"][0], view.mask)

    def encode_items(
        self, images: npt.NDArray[np.uint8], texts: Sequence[tuple[str, str]]
    ) -> list[ItemVectors]:
        """Catalog side: shop images uint8 [N, S, S, 3] RGB with (title, description) pairs.

        An item with neither has no text: zeros and a zero mask, as a query without words.
        """
        cls, tokens = self._frame_features(images)
        read = [item_text(title, about) for title, about in texts]
        text, written = self.encode_texts(read), np.array([bool(t) for t in read], np.float32)
        out = self._engines["item_head"].run(
            {
                "cls": cls,
                "tokens": tokens,
                "title_pooled": text.pooled * written[:, None],
                "title_tokens": text.tokens * written[:, None, None],
                "title_mask": text.mask * written[:, None],
            }
        )
        rows = zip(out["item"], out["nodes"], strict=True)
        return [ItemVectors(item, nodes) for item, nodes in rows]

    def encode_photos(self, images: npt.NDArray[np.uint8]) -> list[PhotoVector]:
        """Catalog side: photos of products uint8 [N, S, S, 3] RGB, each a query of one frame."""
        frames = self.encode_frames(images, [0.0] * len(images))
        queries = [self.query([frame], None).vector for frame in frames]
        return [PhotoVector(vector[: self.visual_size].copy()) for vector in queries]

    def rerank(
        self, query: Query, items: FloatArray, nodes: FloatArray, scores: FloatArray
    ) -> FloatArray:
        """Second-stage scores of at most K candidates.

        Args:
            query: of the same step.
            items: float32 [k, V].
            nodes: float32 [k, M, G].
            scores: float32 [k], first-stage scores.

        Returns:
            float32 [k].
        """
        count, size = len(scores), self.shortlist
        if not count:
            return scores
        mask = np.zeros((1, size), np.float32)
        mask[0, :count] = 1.0
        out = self._engines["reranker"].run(
            {
                "query": query.vector[None],
                "query_nodes": query.nodes,
                "query_patches": query.patches,
                "frame_mask": query.mask,
                "items": _padded(items, size),
                "item_nodes": _padded(nodes, size),
                "scores": _padded(scores, size),
                "candidate_mask": mask,
            }
        )
        reranked: FloatArray = out["reranked"][0, :count]
        return reranked

    def close(self) -> None:
        """Free all engines."""
        # Engines that share a device are closed in the order in which they depend.
        if self._choice is not None and self._choice.engine_set is not None:
            self._choice.engine_set.close()
        for engine in self._engines.values():
            engine.close()

    def _frame_features(self, images: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """Pictures [N, S, S, 3], encoded a batch at a time: cls [N, C], tokens [N, P, D]."""
        starts = range(0, max(1, len(images)), self._batch)
        encode = self._engines["frame_encoder"].run
        parts = [encode({"images": images[i : i + self._batch]}) for i in starts]
        if len(parts) == 1:
            return parts[0]["cls"], parts[0]["tokens"]
        cls, tokens = (np.concatenate([part[name] for part in parts]) for name in ("cls", "tokens"))
        return cls, tokens

    def _head_inputs(
        self, view: FrameWindow, text: TextFeatures | None
    ) -> dict[str, npt.NDArray[np.float32]]:
        if text is None:
            empty = np.zeros((1, self._text_length, self._text_size), np.float32)
            text = TextFeatures(empty[:, 0], empty, np.zeros((1, self._text_length), np.float32))
        return {
            "cls": view.cls,
            "tokens": view.tokens,
            "frame_mask": view.mask,
            "text_pooled": text.pooled,
            "text_tokens": text.tokens,
            "text_mask": text.mask,
        }


def _fixed(spec: TensorSpec, axis: int) -> int:
    size = spec.shape[axis]
    return size if isinstance(size, int) else 0


def _padded(values: FloatArray, size: int) -> FloatArray:
    out = np.zeros((1, size, *values.shape[1:]), np.float32)
    out[0, : len(values)] = values
    return out
