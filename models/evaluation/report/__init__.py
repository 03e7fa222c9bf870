"""The results page: an evaluation for people who run shops, and its figures for machines."""
