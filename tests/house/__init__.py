"""The house: what its files, names, layers, exports and documents promise."""
