"""A dbt run that `dbt-ol` wraps is seen in lineage, joined to the product that it reads."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from mesh.cli import app
from tests.catalog.factories import domain, product
from tests.serving.conftest import WEATHER
from tests.serving.live import served

READ, MADE = "reports.weather.observations_v1", "reports.main.windiest"
PROJECT = {
    "dbt_project.yml": "name: reports\nversion: '1.0'\nprofile: reports\n",
    "profiles.yml": "reports: {target: dev, outputs: {dev: {type: duckdb, path: reports.duckdb}}}\n",
    "models/sources.yml": (
        "version: 2\nsources:\n  - name: weather\n    tables: [{name: observations_v1}]\n"
    ),
    "models/windiest.sql": (
        "select origin, max(speed) as speed from {{ source('weather', 'observations_v1') }} "
        "group by origin\n"
    ),
}


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "dbt"
    for name, text in PROJECT.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    with duckdb.connect(str(folder / "reports.duckdb")) as connection:
        connection.execute("create schema weather")
        connection.execute("create table weather.observations_v1 as select 'JFK' origin, 2.0 speed")
    return folder


def test_what_dbt_made_is_below_the_product_that_it_read(project, sqlite_url, tmp_path):
    with served(sqlite_url) as server:
        server.behind.register(domain("weather", product(WEATHER)))
        programs = Path(sys.executable).parent
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        told = {"PATH": path, "OPENLINEAGE_URL": server.url, "OPENLINEAGE_API_KEY": server.token}
        done = subprocess.run(
            [str(programs / "dbt-ol"), "run", "--profiles-dir", "."],
            cwd=project,
            env={**os.environ, **told, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

        joined = CliRunner().invoke(
            app,
            ["--root", str(tmp_path), "catalog", "join", READ, WEATHER],
            env={"MESH_CATALOG__URL": server.url, "MESH_CATALOG__TOKEN": server.token},
        )
        assert joined.exit_code == 0, joined.output

        made = server.behind.events.dataset(MADE)
        down = server.behind.lineage(WEATHER, "down")
        assert [(edge.downstream, edge.jobs) for edge in down.edges] == [
            (made.key, ("dbt#reports.main.reports.windiest",))
        ]
        columns = server.behind.traces.follow([(WEATHER, "speed")], "down")
        assert (made.key, "speed") in columns.depths
