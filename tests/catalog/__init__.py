"""The catalog, on real databases."""
