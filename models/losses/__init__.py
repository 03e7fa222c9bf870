"""Losses, mining of hard negatives, and gathering them from several processes."""
