"""Frame and text encoders, one file a backbone; each gives what the contract names."""
