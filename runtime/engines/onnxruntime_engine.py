"""ONNX Runtime: the engine that runs everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.engines.binding import Binding
from runtime.engines.engine import Array, TensorSpec, check_feeds
from runtime.engines.sessions import CPU, NAMES, open_session, providers_used
from runtime.engines.settings import EngineSettings
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

        # Asked first: ONNX Runtime itself only warns and takes another provider.
        self._check_offered(onnxruntime.get_available_providers())
        try:
            session = open_session(self._file, self._settings, self._precision)
        except Exception as error:
            raise self._error("cannot be loaded", error) from error
        self._check_offered(session.get_providers()[:1])
        self._check_names(session)
        self._used = providers_used(session)
        # Elsewhere than on the processor an input is copied when it is bound, so that one array
        # with new values would be missed.
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
            raise self._error("failed", error) from error

    def close(self) -> None:
        """Free the session and its memory."""
        self._session = self._binding = None

    def _check_offered(self, offered: list[str]) -> None:
        if self._asked not in offered:
            raise EngineError(
                f"{self._name} would not run on {self._asked}",
                why=f"ONNX Runtime offers {', '.join(offered)} only",
                fix="install an ONNX Runtime with that provider (onnxruntime-gpu for an NVIDIA "
                "GPU), or take --provider cpu",
            )

    def _check_names(self, session: Any) -> None:
        found = {node.name for node in [*session.get_inputs(), *session.get_outputs()]}
        promised = {spec.name for spec in [*self._inputs, *self._outputs]}
        if found != promised:
            raise EngineError(
                f"{self._file.name} is not the {self._name} that the manifest describes",
                why=f"tensors {sorted(found ^ promised)} differ",
                fix="install the bundle again",
            )

    def _error(self, happened: str, error: Exception) -> EngineError:
        fix = "run `sgmn doctor`; install the bundle again if it is damaged"
        if self._asked != CPU and self._settings.fallback == "forbid":
            fix = (
                "take --provider cpu; or --fallback allow, which lets the processor run what "
                f"{self._asked} lacks"
            )
        return EngineError(
            f"{self._name} {happened} in ONNX Runtime",
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix=fix,
        )
