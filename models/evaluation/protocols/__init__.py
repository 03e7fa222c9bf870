"""Published ways of counting hits: every query in the denominator, on the shelf it belongs to."""
