"""A process that opens the catalog and records receipts, for tests of several at once.

Usage: python -m tests.catalog.publisher URL WRITER COUNT
"""

import sys

from mesh.catalog.receipts import InputVersion
from mesh.catalog.store import Catalog
from tests.catalog.factories import domain, product, receipt


def publish(url: str, writer: str, count: int) -> None:
    """Register a domain, then record `count` receipts, each also of a product that all share."""
    with Catalog.open(url) as catalog:
        catalog.register(domain("weather", product("weather.observations_v1")))
        for number in range(count):
            used = [InputVersion("weather.observations_v1", number, "weather")]
            catalog.record(receipt(f"writers.w{writer}_v1", number, used))
            catalog.record(receipt("weather.observations_v1", number))


if __name__ == "__main__":
    publish(sys.argv[1], sys.argv[2], int(sys.argv[3]))
