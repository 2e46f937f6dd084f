"""Data that several benchmarks work on, each with its contract."""
