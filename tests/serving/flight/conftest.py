"""What tests of Flight SQL share with those of products."""

from tests.products.conftest import imports

__all__ = ["imports"]
