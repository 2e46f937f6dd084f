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


def test_upkeep_removes_what_a_dead_publication_staged(workspace, products):
    execute(products[0], workspace, Run("one"))
    table = workspace.lake.table(products[0].id)
    staged = Path(table.url) / f"part-{'0' * 32}-{'0' * 8}-0-0.parquet"
    assert STAGED_NAME.fullmatch(staged.name)
    staged.write_bytes(b"half")
    assert upkeep.execute_in_process().success
    assert staged.exists()
    yesterday = time.time() - 25 * 3600
    os.utime(staged, (yesterday, yesterday))
    assert upkeep.execute_in_process().success
    assert not staged.exists()
    assert table.version() == 0


def test_the_platform_is_a_code_location_like_any_other(workspace):
    from assets.definitions import defs

    keys = {asset.key.to_user_string() for asset in defs.assets}
    assert keys == {"platform/products_v1", "platform/publications_v1", "platform/lineage_v1"}
    assert [job.name for job in defs.jobs] == ["upkeep"]
    (schedule,) = defs.schedules
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    dg.Definitions.validate_loadable(defs)
