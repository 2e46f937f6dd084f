"""A process that erases rows, and stands still at a named step for its parent to kill it."""

import json
import sys

from mesh.catalog.store import Catalog
from mesh.lake import Lake, Table
from mesh.lake.scrubbing import Scrubbing
from mesh.lake.store import LocalStore
from mesh.naming import ProductId
from mesh.settings import PublishingSettings
from mesh.upkeep import erasure
from mesh.upkeep.erasure import Erasure
from tests.faults.publisher import say, stop

STEPS = {
    "before the commit": (Table, "commit"),
    "before the note": (erasure, "note_removed"),
    "before the log": (Scrubbing, "run"),
    "before the files": (LocalStore, "delete"),
    "before the proof": (Erasure, "_proven"),
    "before the record": (Catalog, "record_erasures"),
}


def main(told):
    """Erase, and stop before a step."""
    place = told["stop_at"]
    owner, name = STEPS[place]
    original = getattr(owner, name)

    def stopping(*arguments, **options):
        is_about_data = name != "delete" or any(p.endswith(".parquet") for p in arguments[1])
        if is_about_data:
            stop(place)
        return original(*arguments, **options)

    setattr(owner, name, stopping)
    say(says="ready")
    catalog = Catalog.open(told["catalog"])
    product = ProductId.parse(told["product"])
    lake = Lake(told["lake"])
    Erasure(lake, catalog, product, told["where"], PublishingSettings()).apply(why="7", by="me")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
