"""Query head, item head and what they share."""
