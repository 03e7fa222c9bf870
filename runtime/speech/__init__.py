"""Speech recognition on the device, in a process of its own."""

from runtime.speech.recognizer import Recognizer, Transcript

__all__ = ["Recognizer", "Transcript"]
