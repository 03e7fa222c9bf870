"""How often the network names the right product, measured through the runtime that kiosks use."""
