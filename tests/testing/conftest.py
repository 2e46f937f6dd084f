"""The tiny organisation of the command's tests, and pytest in it."""

import subprocess
import sys

import pytest

from tests.cli.conftest import Mesh, empty_mesh

__all__ = ["empty_mesh"]


@pytest.fixture
def run_pytest(empty_mesh: Mesh):
    """Call pytest in the mesh, as a process of its own."""

    def run(*arguments, cwd=empty_mesh.root):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "-rA", *arguments],
            cwd=cwd,
            env=empty_mesh.environment(COLUMNS="200", PYTEST_ADDOPTS=""),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run
