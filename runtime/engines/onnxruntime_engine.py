"""ONNX Runtime: the engine that runs everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runtime.engines.binding import Binding
from runtime.engines.engine import Array, TensorSpec, check_feeds
from runtime.engines.sessions import CPU, NAMES, open_session, providers_used
from runtime.engines.settings import EngineSettings, Fallback
from runtime.engines.submodule import SubmoduleEngine
from runtime.errors import EngineError


class OnnxRuntimeEngine(SubmoduleEngine):
    """One ONNX file in an ONNX Runtime session.

    Args:
        name: the submodule's name.
        file: the ONNX file, already verified.
        inputs: the specs that the bundle's manifest promises.
        outputs: likewise.
        settings: the provider, never another one than this, and its share of the machine.
        precision: of the file: fp32, fp16 or int8.
    """

    def __init__(
        self,
        name: str,
        file: Path,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        settings: EngineSettings,
        *,
        precision: str = "fp32",
    ) -> None:
        super().__init__(name, inputs, outputs)
        self._file = file
        self._settings = settings
        self._precision = precision
        self._asked = NAMES[settings.provider]
        self._used = [self._asked]
        self._session: Any = None
        self._binding: Binding | None = None

    @property
    def provider(self) -> str:
        """What runs this submodule: ``onnxruntime:`` and the providers, joined by ``+``."""
        return f"onnxruntime:{'+'.join(self._used)}"

    def open(self) -> OnnxRuntimeEngine:
        """Load the session, unless it is loaded.

        Raises:
            EngineError: the file does not load, its tensors are not those of the manifest, or the
                provider asked for is not the one that would run it.
        """
        if self._session is not None:
            return self
        import onnxruntime

        self._check_installed(onnxruntime.get_available_providers())
        session = self._load(self._settings.fallback)
        self._check_names(session)
        self._used = providers_used(session)
        # To another device binding copies as a run without it does.
        if self._asked == CPU:
            self._binding = Binding(session, self._inputs, self._outputs)
        self._session = session
        return self

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run once; see `Engine.run`."""
        if self._session is None:
            raise EngineError(
                f"{self._name} is not open", why="open() was not called", fix="open it first"
            )
        check_feeds(self._name, self._inputs, feeds)
        given = {spec.name: feeds[spec.name] for spec in self._inputs}
        try:
            if self._binding is not None:
                return self._binding.run(given)
            names = [spec.name for spec in self._outputs]
            return dict(zip(names, self._session.run(names, given), strict=True))
        except Exception as error:
            raise self._error("failed", error, self._fix) from error

    def close(self) -> None:
        """Free the session and its memory."""
        self._session = self._binding = None

    def _check_installed(self, providers: list[str]) -> None:
        """ONNX Runtime itself would only warn and take another."""
        if self._asked not in providers:
            raise EngineError(
                f"{self._name} would not run on {self._asked}",
                why=f"the ONNX Runtime installed here has {', '.join(providers)} only",
                fix="install one with that provider (onnxruntime-gpu for an NVIDIA GPU), or take "
                "--provider cpu",
            )

    def _load(self, fallback: Fallback) -> Any:
        """A session in which the provider asked for takes part."""
        settings = replace(self._settings, fallback=fallback)
        try:
            session = open_session(self._file, settings, self._precision)
        except Exception as error:
            if self._asked == CPU or fallback == "allow":
                raise self._error("cannot be loaded", error, self._fix) from error
            # ONNX Runtime says the same of a provider that lacks operations and of one that is not
            # there. Where the processor may help, only the latter fails.
            self._load("allow")
            raise self._error("cannot be loaded", error, self._allow) from error
        if self._asked not in session.get_providers():
            raise EngineError(
                f"{self._name} would not run on {self._asked}",
                why="its libraries do not load; ONNX Runtime says on stderr which one is missing",
                fix=self._fix,
            )
        return session

    def _check_names(self, session: Any) -> None:
        found = {node.name for node in [*session.get_inputs(), *session.get_outputs()]}
        promised = {spec.name for spec in [*self._inputs, *self._outputs]}
        if found != promised:
            raise EngineError(
                f"{self._file.name} is not the {self._name} that the manifest describes",
                why=f"tensors {sorted(found ^ promised)} differ",
                fix="install the bundle again",
            )

    @property
    def _fix(self) -> str:
        if self._asked == CPU:
            return "run `sgmn doctor`; install the bundle again if it is damaged"
        return (
            "install the driver, CUDA, cuDNN and, for ort-tensorrt, TensorRT that this ONNX "
            "Runtime was built for, or take --provider cpu"
        )

    @property
    def _allow(self) -> str:
        return (
            "take --provider cpu; or --fallback allow, which lets the processor run what "
            f"{self._asked} lacks"
        )

    def _error(self, happened: str, error: Exception, fix: str) -> EngineError:
        return EngineError(
            f"{self._name} {happened} in ONNX Runtime",
            why=str(error).partition("\n")[0].rstrip(".") or type(error).__name__,
            fix=fix,
        )
