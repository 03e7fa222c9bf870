"""What differs between the generations of TensorRT, a small adapter for each."""
