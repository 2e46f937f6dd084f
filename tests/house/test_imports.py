"""Importing is free, and each power is held by one module."""

import ast
import json
import subprocess
import sys

import pytest

from tests.house.repository import PACKAGES, ROOT, imported_packages, modules, tree

HEAVY = ["alembic", "dagster", "dbt", "deltalake", "duckdb", "numpy", "pandas", "pandera", "polars",
         "pyarrow", "sqlalchemy"]  # fmt: skip

SWALLOWS_ANYTHING = {
    "mesh/cli/__init__.py": "the command's outermost edge: prints one block and exits non-zero",
}


def loaded_by(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter holds after it ran `code`."""
    script = f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_importing_mesh_loads_nothing_heavy():
    assert not loaded_by("import mesh") & set(HEAVY)


def test_importing_the_command_loads_nothing_heavy():
    assert not loaded_by("import mesh.cli") & set(HEAVY)


def test_asking_the_command_for_help_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['mesh', '--help']\n"
        "from mesh.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code"
    )
    assert not loaded_by(code) & set(HEAVY)


def test_importing_mesh_reads_no_settings():
    assert "pydantic_settings" not in loaded_by("import mesh")


def test_errors_import_only_the_standard_library():
    assert set(imported_packages("mesh/errors.py")) <= sys.stdlib_module_names


@pytest.mark.parametrize("module", modules("mesh"))
def test_only_settings_reads_the_environment(module):
    if module == "mesh/settings/__init__.py":
        return
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            reads = node.value.id == "os" and node.attr in {"environ", "getenv", "environb"}
            assert not reads, f"{module}:{node.lineno} reads the environment"
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            names = {alias.name for alias in node.names}
            assert not names & {"environ", "getenv"}, f"{module}:{node.lineno}"


@pytest.mark.parametrize("module", modules(*PACKAGES))
def test_nothing_swallows_every_exception(module):
    if module in SWALLOWS_ANYTHING:
        return
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ExceptHandler) and catches_everything(node):
            assert isinstance(node.body[-1], ast.Raise), (
                f"{module}:{node.lineno} catches every exception and does not raise"
            )


def catches_everything(handler: ast.ExceptHandler) -> bool:
    """Whether a handler is bare, or names Exception or BaseException."""
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        isinstance(name, ast.Name) and name.id in {"Exception", "BaseException"} for name in caught
    )
