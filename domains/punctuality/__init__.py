"""Punctuality: how late, and why."""
