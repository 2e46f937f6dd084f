"""What tests of reading share with those of products."""

from tests.products.conftest import imports

__all__ = ["imports"]
