"""What tests of security share with those of products."""

from tests.products.conftest import imports

__all__ = ["imports"]
