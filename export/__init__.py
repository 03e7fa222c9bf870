"""From a checkpoint to ONNX submodules and a bundle, with parity checked on the way."""
