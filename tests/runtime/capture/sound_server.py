"""A private PulseAudio server whose loudspeaker is our microphone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE_S = 30.0


class SoundServer:
    """PulseAudio in a folder of its own, found through the environment it makes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        run = folder / "run"
        self._socket = run / "native"
        self.environment = {
            "PULSE_RUNTIME_PATH": str(run),
            "PULSE_STATE_PATH": str(folder / "state"),
            "XDG_RUNTIME_DIR": str(folder / "xdg"),
            "PULSE_SERVER": f"unix:{self._socket}",
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }
        for name in ("run", "state", "xdg"):
            (folder / name).mkdir(mode=0o700)
        (folder / "asound.conf").write_text(
            "</usr/share/alsa/alsa.conf>\n"
            "pcm.!default { type pulse }\n"
            "ctl.!default { type pulse }\n"
        )

    def start(self) -> None:
        """Start and wait until it answers."""
        socket = f"module-native-protocol-unix auth-anonymous=1 socket={self._socket}"
        sink = "module-null-sink sink_name=vspk rate=16000 channels=1 format=s16le"
        modules = [part for load in (socket, sink, "module-always-sink") for part in ("-L", load)]
        self._process = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1"),
                *("--use-pid-file=no", f"--log-target=file:{self._folder / 'log'}"),
                *modules,
            ],
            env=self._environment(),
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE_S
        while not self._control("info"):
            if time.monotonic() > deadline:
                pytest.fail("the sound server does not answer")
            time.sleep(0.05)
        assert self._control("set-default-sink", "vspk")
        assert self._control("set-default-source", "vspk.monitor")

    def play(self, wav: Path) -> subprocess.Popen[bytes]:
        """Play a wav file into the microphone."""
        return subprocess.Popen(["paplay", str(wav)], env=self._environment())

    def pause(self) -> None:
        """Let the server hang."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End the hang."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it, hanging or not."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def _control(self, *command: str) -> bool:
        done = subprocess.run(
            ["pactl", *command], env=self._environment(), capture_output=True, timeout=PATIENCE_S
        )
        return done.returncode == 0


@contextmanager
def private_sound_server(folder: Path) -> Iterator[SoundServer]:
    """A server that is not yet started; this process's PortAudio will look for it."""
    for program in ("pulseaudio", "pactl", "paplay"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    pytest.importorskip("sounddevice", reason="needs sounddevice and PortAudio", exc_type=OSError)
    server = SoundServer(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        try:
            yield server
        finally:
            server.kill()
