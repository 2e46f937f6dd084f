"""An empty lake for every test, on a disk and in a bucket."""

from tests.behaviour.stores import bucket, lake

__all__ = ["bucket", "lake"]
