"""Punctuality has no operational system: it builds on other domains' products alone."""
