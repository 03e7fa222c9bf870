"""ONNX Runtime: the engine that runs everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.engines.engine import Array, TensorSpec, check_feeds
from runtime.errors import EngineError
from runtime.lifecycle import Openable

if TYPE_CHECKING:
    import onnxruntime

CPU = "CPUExecutionProvider"


class OnnxRuntimeEngine(Openable):
    """One ONNX file in an ONNX Runtime session.

    Args:
        name: the submodule's name.
        file: the ONNX file, already verified.
        inputs: the specs that the bundle's manifest promises.
        outputs: likewise.
        threads: threads of one run; 0 lets ONNX Runtime choose.
        provider: the execution provider; never another one than this.
    """

    def __init__(
        self,
        name: str,
        file: Path,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        *,
        threads: int = 0,
        provider: str = CPU,
    ) -> None:
        self._name = name
        self._file = file
        self._inputs = inputs
        self._outputs = outputs
        self._threads = threads
        self._provider = provider
        self._session: onnxruntime.InferenceSession | None = None

    @property
    def name(self) -> str:
        """The submodule's name in the contract."""
        return self._name

    @property
    def provider(self) -> str:
        """The provider that runs this submodule."""
        return f"onnxruntime:{self._provider}"

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs, in the contract's order."""
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs, in the contract's order."""
        return self._outputs

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
        self._check_provider(onnxruntime.get_available_providers())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        # Waiting threads must not spin: five sessions share the cores with speech and capture.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(
                str(self._file), options, providers=[self._provider]
            )
        except Exception as error:
            raise self._error("cannot be loaded", error) from error
        self._check_provider(session.get_providers()[:1])
        self._check_names(session)
        self._session = session
        return self

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run once; see `Engine.run`."""
        if self._session is None:
            raise EngineError(
                f"{self._name} is not open", why="open() was not called", fix="open it first"
            )
        check_feeds(self._name, self._inputs, feeds)
        names = [spec.name for spec in self._outputs]
        try:
            values = self._session.run(
                names, {spec.name: feeds[spec.name] for spec in self._inputs}
            )
        except Exception as error:
            raise self._error("failed", error) from error
        return dict(zip(names, values, strict=True))

    def close(self) -> None:
        """Free the session."""
        self._session = None

    def _check_provider(self, offered: list[str]) -> None:
        if self._provider not in offered:
            raise EngineError(
                f"{self._name} would not run on {self._provider}",
                why=f"ONNX Runtime offers {', '.join(offered)} only",
                fix="install an ONNX Runtime with that provider or ask for another one",
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
        return EngineError(
            f"{self._name} {happened} in ONNX Runtime",
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix="run `sgmn doctor`; install the bundle again if it is damaged",
        )
