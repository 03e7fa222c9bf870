"""The published procedure of a query, written from its description, as a thing to compare with."""
