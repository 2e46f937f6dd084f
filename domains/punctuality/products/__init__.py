"""The data products of the punctuality domain, one module each."""
