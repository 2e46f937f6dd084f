"""Network: who flies, and where to."""
