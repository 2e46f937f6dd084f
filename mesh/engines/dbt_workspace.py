"""A private dbt project for the building of one product.

Owns a folder that holds one product's model, the private models it stands on, the project's macros
and a DuckDB file, and nothing of any other product: what is broken elsewhere is not there to break
it. In this copy the data tests have the names that Mesh knows them by, and constraints are left
out: the gate decides on them row by row, while DuckDB would refuse the whole table.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from mesh.products.dbt_files import PROJECT_FILE, SqlFiles, project_config, shared_files

DATABASE = "build.duckdb"
SCHEMA = "mesh"
"""Where dbt builds. No domain may have this name, so no input lies there."""

_LEFT_BEHIND_SECONDS = 24 * 3600
_PACKAGES = "dbt_packages"
_SOURCES = "_mesh_sources.yml"


def make_workspace(files: SqlFiles, home: Path, prefix: str) -> Path:
    """A new folder below `home` with everything that dbt needs. The caller removes it."""
    home.mkdir(parents=True, exist_ok=True)
    _sweep(home)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=home))
    _write_yaml(folder / PROJECT_FILE, _project(files.project))
    _write_yaml(folder / "profiles.yml", _profile())
    for model in files.models:
        _write(folder / model.file.relative_to(files.project), model.sql)
    for file, content in _properties(files).items():
        _write_yaml(folder / file.relative_to(files.project), content)
    beside = files.models[0].file.relative_to(files.project).with_name(_SOURCES)
    _write_yaml(folder / beside, {"sources": _sources(files.sources)})
    for file in (*files.singular_tests, *shared_files(files.project)[1:]):
        _write(folder / file.relative_to(files.project), file.read_text(encoding="utf-8"))
    return folder


def _project(project: Path) -> dict[str, Any]:
    """The project's own settings, with what belongs to this machine replaced."""
    config = project_config(project) | {"profile": "mesh"}
    packages = project / str(config.get("packages-install-path", _PACKAGES))
    return config | ({"packages-install-path": str(packages)} if packages.is_dir() else {})


def _profile() -> dict[str, Any]:
    # The path is relative, so that two builds have equal profiles and dbt can reuse its parsing.
    output = {
        "type": "duckdb",
        "path": DATABASE,
        "schema": SCHEMA,
        "threads": 1,
        "settings": {"TimeZone": "UTC"},
    }
    return {"mesh": {"target": "mesh", "outputs": {"mesh": output}}}


def _properties(files: SqlFiles) -> Mapping[Path, dict[str, Any]]:
    """The YAML of the models, in the files where it stood."""
    found: dict[Path, list[dict[str, Any]]] = defaultdict(list)
    for model, (content, _) in zip(files.models, files.named(), strict=True):
        if model.properties is not None:
            found[model.properties.file].append(_without_constraints(content))
    return {file: {"models": models} for file, models in found.items()}


def _without_constraints(content: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in content.items() if key != "constraints"}
    columns = content.get("columns")
    if isinstance(columns, list):
        kept["columns"] = [
            {key: value for key, value in column.items() if key != "constraints"}
            for column in columns
        ]
    return kept


def _sources(sources: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    tables: dict[str, list[dict[str, str]]] = defaultdict(list)
    for source, table in sources:
        tables[source].append({"name": table})
    return [{"name": source, "tables": named} for source, named in tables.items()]


def _sweep(home: Path) -> None:
    """Remove what builds that were killed have left behind."""
    for folder in home.iterdir():
        if folder.is_dir() and time.time() - folder.stat().st_mtime > _LEFT_BEHIND_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _write_yaml(file: Path, content: Mapping[str, Any]) -> None:
    _write(file, yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
