"""Data sets for training and evaluation, read from where they lie."""
