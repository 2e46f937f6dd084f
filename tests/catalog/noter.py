"""A process that adds entries to a decision log, for tests of several at once.

Usage: python -m tests.catalog.noter URL WRITER COUNT
"""

import sys

from mesh.catalog.chain import NewEntry
from mesh.catalog.store import Catalog


def note(url: str, writer: str, count: int) -> None:
    """Open the catalog and add `count` batches of two entries."""
    with Catalog.open(url) as catalog:
        for number in range(count):
            one = NewEntry("read", writer, "weather.observations_v1", {"number": number})
            catalog.decisions.append([one, NewEntry("read", writer, "weather.gusts_v1")])


if __name__ == "__main__":
    note(sys.argv[1], sys.argv[2], int(sys.argv[3]))
