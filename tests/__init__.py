"""The tests of Mesh; `tests/` mirrors `mesh/`."""
