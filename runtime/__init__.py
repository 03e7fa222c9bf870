"""The device: everything a kiosk runs. Imports neither torch nor onnx.

``bundle`` reads and verifies the network's files, ``engines`` run them, ``capture`` and ``speech``
bring in pictures and words, ``catalog`` holds the products, ``matcher`` joins them and ``decision``
turns scores into events for the screen.
"""

import os

from runtime.version import __version__

# A kiosk talks to nobody. ONNX Runtime reports usage over the network unless this is set before
# its first import.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__all__ = ["__version__"]
