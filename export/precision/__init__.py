"""Which precision each submodule and each of its blocks has, and the graphs made of it."""
