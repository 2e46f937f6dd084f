"""A copy of this mesh, on which the demo has been run once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.processes.python import RUN_MESH, python

REPOSITORY = Path(__file__).resolve().parents[2]
COPIED = ("domains", "assets", "dbt_project", "pyproject.toml", "workspace.yaml")


@dataclass(frozen=True)
class Newcomer:
    """Somebody in a folder with a mesh, who types commands. `settings` are environment variables."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def types(self, *words: str, code: int = 0) -> str:
        """Run `mesh …`, and return what it says; its exit code must be `code`."""
        env = {**os.environ, "COLUMNS": "250", **self.settings}
        done = python("-c", RUN_MESH, *words, cwd=self.folder, env=env)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="session")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    """The demo's user, after `make demo`."""
    someone = Newcomer(copied_mesh(tmp_path_factory.mktemp("journey")))
    someone.types("run", "--all", "--run-id", "demo")
    return someone


def copied_mesh(folder: Path) -> Path:
    """What the organisation wrote, without what this clone keeps to itself."""
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "target", "logs", ".user.yml")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return folder
