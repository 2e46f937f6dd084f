"""The tiny organisation of the command's tests, and pytest in it."""

import pytest

from tests.cli.conftest import Mesh, empty_mesh
from tests.processes.python import python

__all__ = ["empty_mesh"]


@pytest.fixture
def run_pytest(empty_mesh: Mesh):
    """Call pytest in the mesh, as a process of its own."""

    def run(*arguments, cwd=empty_mesh.root):
        words = ("-m", "pytest", "-p", "no:cacheprovider", "-v", "-rA", *arguments)
        env = empty_mesh.environment(COLUMNS="200", PYTEST_ADDOPTS="")
        done = python(*words, cwd=cwd, env=env, timeout=240)
        return done.returncode, done.stdout + done.stderr

    return run
