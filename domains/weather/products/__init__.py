"""The data products of the weather domain, one module each."""
