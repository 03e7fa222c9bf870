"""The network in PyTorch: encoders, heads, data sets, training and evaluation."""
