"""The same stores as the behaviour suite's."""

from tests.behaviour.stores import bucket, lake

__all__ = ["bucket", "lake"]
