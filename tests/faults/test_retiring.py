"""`kill -9` while a product retires, and publications beside it: it ends once, and nothing follows."""

import shutil

import pytest

from mesh.catalog.retirements_in_lake import retirement_of
from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync
from mesh.errors import RetiredError
from mesh.lake import Lake
from mesh.publishing import publish
from tests.behaviour.products import orders, rows_of
from tests.faults.retirer import home, publish_ended, retiring
from tests.faults.steps import occurrences


def opened(folder):
    told = home(folder)
    return Lake(told["lake"]), Catalog.open(told["catalog"])


def test_a_product_whose_retirement_is_killed_at_any_step_ends_once(nursery, tmp_path, figures):
    start = tmp_path / "start"
    start.mkdir()
    declared = publish_ended(start)
    shutil.copytree(start, tmp_path / "traced")
    steps = nursery.steps("retire", {**home(tmp_path / "traced"), "by": "ada"})
    points = occurrences(steps)
    assert [step for step, _ in points] == [
        "before the commit",
        "after the commit",
        "before the retirement's record",
        "after the retirement's record",
    ]
    for number, at in enumerate(points):
        folder = tmp_path / str(number)
        shutil.copytree(start, folder)
        nursery.killed("retire", {**home(folder), "by": "ada"}, at)
        lake, catalog = opened(folder)
        has_ended = retirement_of(lake.table(declared.id).snapshot()) is not None
        assert has_ended is (at[0] != "before the commit"), at
        sync(catalog, lake, [declared.id])
        assert (str(declared.id) in catalog.retirements()) is has_ended, at

        found = retiring(lake, catalog, declared).retire(declared, by="bob", why="again")
        assert found.retired_by == ("ada" if has_ended else "bob"), at
        assert catalog.retirements()[str(declared.id)] == found, at
        assert len(rows_of(declared, lake)) == 10, at
        with pytest.raises(RetiredError, match="it was retired on"):
            publish(declared, orders([(99, "DE", 1.0)]), lake=lake, run_id="later")
        catalog.close()
    figures.add("crashes at a named step", len(points))


def test_of_publications_and_a_retirement_at_once_none_lands_after_the_end(nursery, tmp_path):
    declared = publish_ended(tmp_path)
    told = home(tmp_path)
    children = [
        nursery.begin(
            "publish",
            {
                "lake": [told["lake"], {}],
                "product": {"write": "append"},
                "rows": [[100 * n, "FR", 2.0]],
                "run_id": f"beside {n}",
            },
        )
        for n in range(1, 4)
    ]
    children.append(nursery.begin("retire", {**told, "by": "ada"}))
    ended_with = [nursery.await_end(child) for child in children]

    assert ended_with[-1][0] == 0, ended_with
    lake, catalog = opened(tmp_path)
    snapshot = lake.table(declared.id).snapshot()
    assert retirement_of(snapshot) is not None
    newest = next(snapshot.commits())
    assert "mesh.retirement" in newest.metadata
    catalog.close()
