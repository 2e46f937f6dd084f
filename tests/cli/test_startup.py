"""`mesh` starts at once, because it imports late."""

import json
import subprocess
import sys

from tests.cli.conftest import REPOSITORY

HEAVY = {
    "alembic", "dagster", "dbt", "deltalake", "duckdb", "numpy", "pandas", "pandera", "polars",
    "pyarrow", "sqlalchemy", "yaml",
}  # fmt: skip


def imported_by(*arguments):
    script = (
        "import json, sys\n"
        f"sys.argv = ['mesh', *{list(arguments)!r}]\n"
        "from mesh.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_imports_nothing_heavy():
    assert not imported_by("--help") & (HEAVY | {"pydantic"})


def test_the_help_of_a_command_imports_nothing_heavy():
    assert not imported_by("run", "--help") & HEAVY
    assert not imported_by("new", "product", "--help") & HEAVY


def test_a_wrong_option_imports_nothing_heavy():
    assert not imported_by("run", "--no-such-option") & HEAVY


def test_the_version_is_told(empty_mesh):
    assert empty_mesh("--version").output.startswith("mesh ")
