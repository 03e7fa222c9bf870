"""Which precision for which submodule: calibration samples, INT8, accuracy against latency."""
