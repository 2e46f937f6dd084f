"""Runs: of one product, of many, and from Dagster.

The only importer of dagster; `workspace`, `execution` and `running` do without it, so that the
command line and tests start at once.
"""
