"""The spatiotemporal graph: edges, interaction of a training batch, re-rankers of a shortlist."""
