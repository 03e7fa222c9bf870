"""Selective fusion: a scorer of clip and item pairs, cut so that an item is one stored vector."""
