"""``sgmn report``: which precision to ship, as a page for shops and engineers and as figures."""
