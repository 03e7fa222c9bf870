"""Which blocks suffer from INT8, and the mixed plan that holds those back."""
