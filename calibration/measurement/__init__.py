"""Measuring precision plans: what is measured, on what, and what is remembered of it."""
