"""Training the heads on frozen encoders: features once, then episodes of products."""
