"""The data products of the network domain, one module each."""
