"""The data products of the fleet domain, one module each."""
