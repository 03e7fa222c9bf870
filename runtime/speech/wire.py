"""What the program and its speech process say to each other.

A request is one byte of operation, four bytes of length (big-endian) and that many bytes of PCM.
Each request but ``CLOSE`` gets one line of JSON. Before the first request the process says
``{"ready": true}`` or ``{"error": ...}``.
"""

from __future__ import annotations

import struct

ACCEPT = b"A"
FINISH = b"F"
RESET = b"R"
CLOSE = b"C"

HEADER = struct.Struct(">cI")
MOST_BYTES = 1 << 20
"""Most bytes of PCM in one request; more means that the two sides are out of step."""


def pack(operation: bytes, pcm: bytes = b"") -> bytes:
    """One request as bytes."""
    return HEADER.pack(operation, len(pcm)) + pcm
