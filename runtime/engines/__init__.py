"""Engines run one submodule of the network: named arrays in, named arrays out."""

from runtime.engines.engine import Engine, TensorSpec

__all__ = ["Engine", "TensorSpec"]
