"""Latency of the network against named alternatives, measured in pairs within one process."""
