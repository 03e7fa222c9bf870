"""The demo: a bundled store, played through the same path as a camera and a microphone."""
