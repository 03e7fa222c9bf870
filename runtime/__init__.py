"""The device: everything a kiosk runs. Imports neither torch nor onnx.

``bundle`` reads and verifies the network's files, ``engines`` run them, ``capture`` and ``speech``
bring in pictures and words, ``catalog`` holds the products, ``matcher`` joins them and ``decision``
turns scores into events for the screen.
"""

from runtime.version import __version__

__all__ = ["__version__"]
