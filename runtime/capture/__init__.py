"""Pictures and sound coming in: live cameras and microphones, clips and sound files."""

from runtime.capture.camera import Camera, Frame
from runtime.capture.microphone import SAMPLE_RATE, Microphone

__all__ = ["SAMPLE_RATE", "Camera", "Frame", "Microphone"]
