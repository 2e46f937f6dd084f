"""A small mesh that tells others of its runs."""

import json
import time

from mesh.orchestration.execution import Run, execute
from mesh.products.collection import load_organization
from tests.orchestration.small_mesh import SmallMesh

READINGS = "weather.readings_v1"


def mesh_that_tells(tmp_path, **settings):
    small = SmallMesh.at(tmp_path)
    small.write(
        "pyproject.toml",
        f'[tool.mesh]\ndomains = "teams"\n[tool.mesh.openlineage]\n{toml(settings)}\n',
    )
    return small


def toml(settings):
    def written(value):
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k} = {written(v)}" for k, v in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(written(item) for item in value) + "]"
        return json.dumps(value)

    return "\n".join(f"{name} = {written(value)}" for name, value in settings.items())


def run(small, number):
    product = load_organization(small.settings).product(READINGS)
    return execute(product, small.workspace, Run(f"run-{number}"))


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
