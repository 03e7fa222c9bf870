"""A seeded generator of a synthetic shop: products, shop images, in-store clips and narration."""
