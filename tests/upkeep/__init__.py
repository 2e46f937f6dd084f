"""Tests of `mesh.upkeep`."""
