"""``manifest.json``: what a bundle says of itself.

The JSON schema of `Manifest` is exported to ``docs/reference/manifest.schema.json``.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION: Final = 2

SUBMODULES = ("frame_encoder", "text_encoder", "query_head", "item_head", "reranker")
"""The five submodules; the names are the contract in files, metrics and reports."""

MAX_FILE_BYTES: Final = (1 << 31) - 1
"""Largest file of a bundle. Source: an ONNX file is a protobuf message, which ends at 2 GiB."""

Label = Annotated[str, Field(pattern=r"^\P{C}{1,100}$", description="without control characters")]
"""A short text that may be printed as it is."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Tensor(_Part):
    """Name, NumPy element type and shape of a tensor; letters are sizes that may vary."""

    name: str
    dtype: Literal["uint8", "int64", "float32", "float16"]
    shape: tuple[int | str, ...]


class Submodule(_Part):
    """One ONNX file with its inputs and outputs in order."""

    file: str
    precision: Literal["fp32", "fp16", "int8"]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class Preprocessing(_Part):
    """How a picture becomes the ``images`` input: bilinear, RGB, uint8."""

    frames: Literal["centre-square"] = "centre-square"
    shop_images: Literal["letterbox"] = "letterbox"
    size: int = Field(gt=0, description="side S of the square input in pixels")
    pad_value: Literal[127] = 127
    colour: Literal["RGB"] = "RGB"


class TextInput(_Part):
    """How text becomes ``ids`` and ``mask``."""

    tokenizer: str = "tokenizer.json"
    max_tokens: int = Field(gt=1, description="longest sequence L, special tokens included")


class Sampling(_Part):
    """Which frames the network sees."""

    fps: float = Field(default=2.0, gt=0, description="frames a second taken from the stream")
    frames: int = Field(gt=0, description="T, the frames of one query")


class Decision(_Part):
    """Constants that turn scores into an event, fitted on validation data."""

    temperature: float = Field(gt=0, description="scores are divided by it before the softmax")
    open_set_score: float = Field(description="score of the answer 'none of these'")
    present: float = Field(
        default=0.5, ge=0, le=1, description="least confidence to name a product"
    )
    unsure: float = Field(
        default=0.2, ge=0, le=1, description="least confidence to show candidates"
    )
    hold_steps: int = Field(
        default=2, ge=1, description="steps in a row before the shown product changes"
    )


class SpokenRule(_Part):
    """How the words heard are weighed, for and against each product."""

    weight: float = Field(default=0.35, ge=0, description="of all that was said, against pictures")
    title: float = Field(default=0.5, ge=0, description="of the part of the title that was heard")
    about: float = Field(default=0.1, ge=0, description="of the match with title and description")
    denied: float = Field(default=0.3, ge=0, description="against a title heard in a denial")
    margin: float = Field(default=0.8, description="lead at which words count half")
    width: float = Field(default=0.15, gt=0, description="of the passage from chatter to evidence")
    rival: int = Field(default=10, ge=2, description="the lead is over the product of this rank")


class PublishRule(_Part):
    """How item vectors are made when a catalog is published."""

    memory_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="of the network's vector in that of an item with photos",
    )
    bonus: float = Field(default=0.11, description="bias of items without photos beside some with")
    hubness: float = Field(
        default=0.35, ge=0, description="less bias the more an item resembles one with photos"
    )
    usual: float = Field(default=0.67, description="resemblance at which only the bonus counts")
    least: float = Field(default=0.55, description="less resemblance than this gives no more bias")


class SelfTest(_Part):
    """Stored inputs and outputs of every submodule, and how far another machine may be off."""

    file: str = Field(default="self_test.npz", description="NumPy archive without pickle")
    tolerance: dict[str, float] = Field(
        description="by submodule: length of the error over the length of the expected output"
    )


class FileEntry(_Part):
    """Digest and size of one file of the bundle."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0, le=MAX_FILE_BYTES)


class Manifest(_Part):
    """Everything a runtime needs to know of a bundle before it opens any other file of it."""

    schema_version: Literal[2] = SCHEMA_VERSION
    name: Label
    version: Label
    created_at: str | None = Field(
        default=None,
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$",
        description="when it was put together, in UTC; tells which of two equal versions is older",
    )
    preset: Label
    precision: Label = Field(description="precision plan, e.g. fp32 or int8-cpu")
    frames: int = Field(gt=0, description="T: frames of a clip")
    patches: int = Field(gt=0, description="P: patch tokens of a frame")
    shortlist: int = Field(gt=0, description="K: candidates of the re-ranker")
    submodules: dict[str, Submodule]
    tensorrt: dict[str, Submodule] = Field(
        default_factory=dict,
        description="graphs that TensorRT engines are built from; none, or all five",
    )
    preprocessing: Preprocessing
    text: TextInput
    sampling: Sampling
    spoken: SpokenRule = Field(default_factory=SpokenRule)
    publish: PublishRule = Field(default_factory=PublishRule)
    decision: Decision
    self_test: SelfTest | None = None
    parity: dict[str, Any] = Field(default_factory=dict)
    accuracy: list[dict[str, Any]] = Field(default_factory=list)
    provenance: dict[str, Any] = Field(default_factory=dict)
    files: dict[str, FileEntry]
