"""The data products of the platform, one module each."""
