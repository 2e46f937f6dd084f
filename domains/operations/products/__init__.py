"""The data products of the operations domain, one module each."""
