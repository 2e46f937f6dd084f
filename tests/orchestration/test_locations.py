"""Code locations as Dagster loads them: each in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.orchestration.small_mesh import SmallMesh

REPOSITORY = Path(__file__).parents[2]
LOCATION = """\
  - python_module:
      module_name: teams.{name}.definitions
      working_directory: .
      location_name: {name}
"""
BROKEN = "import no_such_library\n"
SHOW = """
import json
from pathlib import Path

from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget

from mesh.orchestration.reporting import open_instance

with (
    open_instance(Path("dagster").resolve()) as instance,
    WorkspaceProcessContext(instance, WorkspaceFileTarget(paths=["workspace.yaml"])) as process,
):
    context = process.create_request_context()
    graph = context.asset_graph
    errors = {
        name: entry.load_error.to_string() if entry.load_error else ""
        for name, entry in context.get_code_location_entries().items()
    }
    upstream = {
        key.to_user_string(): sorted(up.to_user_string() for up in graph.get(key).parent_keys)
        for key in graph.executable_asset_keys
    }
    print("RESULT" + json.dumps({"errors": errors, "upstream": upstream}))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """What Dagster makes of two domains, when the one that the other reads is broken."""
    small = SmallMesh.at(tmp_path_factory.mktemp("locations"))
    small.write("teams/weather/domain.yaml", "name: weather\n")
    small.write("teams/weather/products/readings.py", BROKEN)
    workspace = "".join(LOCATION.format(name=name) for name in ("weather", "reports"))
    small.write("workspace.yaml", f"load_from:\n{workspace}")
    return result_of(small.root, SHOW)


def test_a_broken_domain_breaks_only_its_own_location(loaded):
    assert {name for name, error in loaded["errors"].items() if error} == {"weather"}


def test_the_broken_location_says_everything_that_is_wrong(loaded):
    error = loaded["errors"]["weather"]
    assert "DefinitionError" in error
    assert "no_such_library" in error
    assert "purpose: it is missing" in error
    assert "team: it is missing" in error


def test_a_product_still_depends_on_those_of_a_broken_location(loaded):
    assert loaded["upstream"] == {
        "reports/daily_v1": ["weather/readings_v1", "weather/stations_v1"],
    }


def result_of(folder: Path, script: str):
    """Run a script in a fresh process, in a folder, and read what it says."""
    path = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "DAGSTER_DISABLE_TELEMETRY": "yes"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.partition("RESULT")[2].splitlines()[0])
