"""`mesh catalog` takes the catalog to another revision, and copies it."""

import json

from mesh.catalog.schema import REVISION


def test_what_the_way_down_loses_is_said_first_and_done_when_it_is_agreed(mesh):
    mesh("quarantine", "discard", "shop.sales", "--why", "a broken till")
    told = mesh("catalog", "migrate", "--to", "0002")
    assert told.exit_code == 1
    assert "quarantine_events: 1 row" in told.stdout
    assert "nothing was done" in told.stdout
    done = mesh("catalog", "migrate", "--to", "0002", "--yes")
    assert done.exit_code == 0
    assert f"from revision {REVISION} to 0002" in done.stdout
    assert "these rows were lost:" in done.stdout
    assert "  quarantine_events: 1 row" in done.stdout
    assert f"from revision 0002 to {REVISION}" in mesh("catalog", "migrate").stdout


def test_a_copied_catalog_shows_what_the_first_one_shows(mesh):
    source = f"sqlite:///{mesh.root / '.mesh/dev/catalog.db'}"
    target = f"sqlite:///{mesh.root / 'copy.db'}"
    done = mesh("catalog", "copy", source, target, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["rows"]["products"] == 2
    again = mesh("catalog", "copy", source, target)
    assert again.exit_code == 1
    assert "holds something already" in again.stderr
    assert "--merge" in again.stderr
    merged = mesh("catalog", "copy", "--merge", source, target)
    assert "added 0 rows; what else there was stayed as it was" in merged.stdout
    told = mesh("catalog", "copy", "--merge", "--json", source, f"{target}.new")
    assert json.loads(told.stdout)["rows"]["products"] == 2
