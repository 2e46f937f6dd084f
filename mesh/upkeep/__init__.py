"""Upkeep of tables: compaction, retention, erasure, repair."""
