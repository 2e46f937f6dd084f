"""The mesh's upkeep, and the platform's code location."""

import os
import time
from pathlib import Path

import dagster as dg
import pytest

from assets.maintenance import upkeep
from mesh.catalog.receipts import Receipt
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.workspace import Workspace
from mesh.products.collection import load_domain
from mesh.publishing import publish
from mesh.publishing.stage import STAGED_NAME
from mesh.settings import find_root, load


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """This repository's mesh, with a lake and a catalog of its own."""
    monkeypatch.setenv("MESH_STATE", str(tmp_path))
    monkeypatch.setenv("MESH_STORAGE", str(tmp_path / "lake"))
    return Workspace.open(load(find_root()))


@pytest.fixture
def products(workspace):
    folder = workspace.settings.path(workspace.settings.platform)
    return load_domain(folder, workspace.settings).products


def test_upkeep_records_what_a_crash_kept_from_the_catalog(workspace, products):
    lineage = products[0]
    workspace.ensure_registered("platform")
    outcome = publish(lineage, lineage.transform(), lake=workspace.lake, run_id="crashed")
    assert isinstance(outcome, Receipt)
    assert workspace.catalog.receipts("platform.lineage_v1") == []
    assert upkeep.execute_in_process().success
    assert workspace.catalog.receipts("platform.lineage_v1") == [outcome]


def leftover_of(table):
    """A file of a publication that died yesterday."""
    staged = Path(table.url) / f"part-{'0' * 32}-{'0' * 8}-0-0.parquet"
    assert STAGED_NAME.fullmatch(staged.name)
    staged.write_bytes(b"half")
    yesterday = time.time() - 25 * 3600
    os.utime(staged, (yesterday, yesterday))
    return staged


def test_upkeep_removes_what_a_dead_publication_staged_and_tells_of_it(workspace, products):
    execute(products[0], workspace, Run("one"))
    table = workspace.lake.table(products[0].id)
    staged = leftover_of(table)
    with dg.DagsterInstance.ephemeral() as instance:
        result = upkeep.execute_in_process(instance=instance)
        observed = instance.fetch_observations(dg.AssetKey(products[0].id.asset_key), limit=5)
    assert result.success
    assert not staged.exists()
    assert table.version() == 0
    (observation,) = (record.asset_observation for record in observed.records)
    assert observation.metadata["product"].value == str(products[0].id)
    (work,) = observation.metadata["work"].value
    assert (work["action"], work["files"]) == ("remove leftovers", 1)


def test_a_product_that_cannot_be_looked_after_fails_alone_and_is_named(
    workspace, products, monkeypatch
):
    for number, product in enumerate(products):
        execute(product, workspace, Run(str(number)))
    broken, *others = products
    staged = [leftover_of(workspace.lake.table(product.id)) for product in others]
    log = Path(workspace.lake.table(broken.id).url) / "_delta_log" / f"{0:020}.json"
    log.write_text("{ torn", encoding="utf-8")

    result = upkeep.execute_in_process(raise_on_error=False)

    assert not result.success
    failed = {e.step_key for e in result.all_events if e.event_type_value == "STEP_FAILURE"}
    assert failed == {f"look_after[{broken.id.domain}__{broken.id.versioned}]"}
    assert not any(file.exists() for file in staged)


def test_the_platform_is_a_code_location_like_any_other(workspace):
    from assets.definitions import defs

    keys = {asset.key.to_user_string() for asset in defs.assets}
    assert keys == {"platform/products_v1", "platform/publications_v1", "platform/lineage_v1"}
    assert [job.name for job in defs.jobs] == ["upkeep"]
    (schedule,) = defs.schedules
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    dg.Definitions.validate_loadable(defs)
