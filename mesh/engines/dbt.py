"""SQL products built by dbt in DuckDB.

Owns one invocation of dbt for one product: inputs are loaded into a DuckDB file of its own, dbt
builds and tests the model there in a process of its own, and the result streams out. A data test
that fails is a value; anything else that fails in dbt is SqlTransformError, with dbt's own words.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mesh.catalog.receipts import publication_id
from mesh.contracts.arrow import arrow_schema
from mesh.contracts.model import Severity
from mesh.engines.dbt_workspace import DATABASE, make_workspace
from mesh.errors import MeshError, SqlTransformError, StorageFullError, TransformError
from mesh.products.dbt_files import SqlFiles, read_domain
from mesh.products.declaration import DataProduct, SqlModel
from mesh.publishing.source import source_of
from mesh.settings import Settings

if TYPE_CHECKING:
    import duckdb

_TIMESTAMP = re.compile(r"^\d{2}:\d{2}:\d{2}(\.\d+)?\s{0,2}", re.MULTILINE)
_COMPILED_AT = re.compile(r"^\s*compiled code at .*$\n?", re.MULTILINE)
_MOST_LINES = 40


class DataTestStatus(StrEnum):
    """What became of a data test, in dbt's words."""

    PASS = "pass"  # noqa: S105 -- dbt's word
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class DataTestResult:
    """One of dbt's data tests. `name` is one of `SqlModel.data_tests`.

    `failures` is 0 for a test that passed, whatever it tolerates. `severity` is what this result
    means: a warning where dbt only warned.
    """

    name: str
    status: DataTestStatus
    failures: int
    message: str
    severity: Severity


@dataclass(slots=True)
class BuildResult(AbstractContextManager["BuildResult"]):
    """What dbt built, and what its data tests found. Closing it removes all of it from disk.

    With `failed_tests` the rows are not for anybody: they are given so that a verdict can speak of
    them. When a test of a private model fails, dbt does not build what stands on it: then there are
    no rows.
    """

    tests: tuple[DataTestResult, ...]
    reader: pa.RecordBatchReader
    _folder: Path
    _connection: duckdb.DuckDBPyConnection | None = None

    @property
    def failed_tests(self) -> tuple[DataTestResult, ...]:
        """Tests whose failure keeps the result from being published."""
        return tuple(test for test in self.tests if test.status is DataTestStatus.FAIL)

    def close(self) -> None:
        """Remove everything that the build left on disk; closing twice is no harm."""
        if self._connection is not None:
            self._connection.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def build(
    model: SqlModel,
    product: DataProduct,
    inputs: Mapping[str, Any],
    *,
    settings: Settings,
    run_id: str,
) -> BuildResult:
    """Build one SQL product with dbt.

    Args:
        model: the product's transform.
        product: the product; its input ports are named as the SQL names its sources.
        inputs: any Arrow producer for each port; each is streamed once.
        settings: where the dbt project and this clone's state are.
        run_id: the run, to tell builds apart on disk.

    Raises:
        SqlTransformError: dbt could not build the model, or run one of its data tests.
        TransformError: an input could not be loaded.
    """
    files = _files(model, product, settings)
    home = settings.path(settings.state) / "dbt"
    prefix = (
        f"{product.id.domain}.{product.id.versioned}-{publication_id(str(product.id), run_id)[:8]}"
    )
    folder = make_workspace(files, home / "builds", prefix)
    try:
        _load(folder, product, inputs, settings)
        parsed = home / "parsed" / f"{product.id}.msgpack"
        output = _run(folder, model, product, parsed)
        relation, tests = _outcome(folder, model, product, output)
        return _opened(folder, relation, tests, product, settings)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _files(model: SqlModel, product: DataProduct, settings: Settings) -> SqlFiles:
    """The files as they are now. Refuses files that are not those that were declared."""
    found = read_domain(product.id.domain, settings)
    if found is None or model.name not in found.models:
        raise SqlTransformError("the model's file is gone", where=str(model.path))
    files = found.files_of(model.name)
    if product.code_version and files.digest != product.code_version:
        raise SqlTransformError(
            "the model changed since its declaration was loaded",
            where=str(model.path),
            hint="reload the code location, so that contract and SQL go together",
        )
    return files


def _load(
    folder: Path, product: DataProduct, inputs: Mapping[str, Any], settings: Settings
) -> None:
    """Stream the inputs into the DuckDB file, each as `domain.product_v1`."""
    import duckdb

    with duckdb.connect(str(folder / DATABASE)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for port, declared in product.inputs.items():
            source = source_of(inputs[port], batch_rows=settings.publishing.batch_rows)
            name = declared.id
            with source.cleanup:
                stream = pa.RecordBatchReader.from_batches(source.schema, source.batches())
                connection.register("mesh_input", stream)
                connection.execute(f'create schema if not exists "{name.domain}"')
                try:
                    connection.execute(
                        f'create table "{name.domain}"."{name.versioned}" as from mesh_input'
                    )
                except duckdb.Error as error:
                    raise _loading_error(error, port, product) from error
                connection.unregister("mesh_input")


def _loading_error(error: Exception, port: str, product: DataProduct) -> MeshError:
    where = f"{product.id}, input {port!r}"
    text = str(error).strip()
    if "No space left" in text:
        return StorageFullError("no space is left to build in", where=where, hint="free some")
    return TransformError(f"the input cannot be loaded into DuckDB: {text}", where=where)


def _run(folder: Path, model: SqlModel, product: DataProduct, parsed: Path) -> str:
    """Run dbt once, and return what it says. Its parsing is kept in `parsed` for the next run."""
    if importlib.util.find_spec("dbt") is None:
        raise SqlTransformError(
            "dbt is not installed", where=str(product.id), hint="install the `dbt` extra"
        )
    target = folder / "target"
    target.mkdir()
    if parsed.is_file():
        shutil.copyfile(parsed, target / "partial_parse.msgpack")
    done = subprocess.run(  # noqa: S603 -- this Python, and names from the grammar of names
        _command(model), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if (target / "partial_parse.msgpack").is_file():
        parsed.parent.mkdir(parents=True, exist_ok=True)
        (target / "partial_parse.msgpack").replace(parsed)
    return (done.stdout + done.stderr).decode(errors="replace")


def _command(model: SqlModel) -> list[str]:
    # `-m dbt.cli.main` warns that the module is imported twice.
    dbt = [sys.executable, "-c", "from dbt.cli.main import cli; cli()"]
    quietly = ["--quiet", "--log-format", "text", "--no-use-colors", "--log-level-file", "none"]
    private = ["--no-send-anonymous-usage-stats", "--no-version-check"]
    here = ["--project-dir", ".", "--profiles-dir", ".", "--target-path", "target"]
    here += ["--log-path", "logs", "--target", "mesh"]
    # Unit tests speak of code, not of data: they belong to continuous integration.
    chosen = ["--select", f"+{model.name}", "--exclude-resource-type", "unit_test"]
    return [*dbt, *quietly, *private, "build", *here, *chosen]


def _outcome(
    folder: Path, model: SqlModel, product: DataProduct, output: str
) -> tuple[str, tuple[DataTestResult, ...]]:
    """The built relation's name and the data tests. Raises SqlTransformError."""
    results = _artifact(folder / "target" / "run_results.json").get("results", [])
    nodes = _artifact(folder / "target" / "manifest.json").get("nodes", {})
    broken = [item for item in results if item["status"] == "error"]
    if broken:
        said = "\n".join(dict.fromkeys(str(item["message"]) for item in broken))
        raise _failure(said, model, product)
    tests = tuple(
        _test_result(item, nodes[item["unique_id"]])
        for item in results
        if item["unique_id"].startswith("test.")
    )
    built = [item for item in results if _is_model(nodes[item["unique_id"]], model)]
    if not built:
        raise _failure(output or "dbt built nothing", model, product)
    if built[0]["status"] != "success":
        return "", tests
    relation = nodes[built[0]["unique_id"]]["relation_name"]
    if not relation:
        raise _failure("an ephemeral model has no rows: make it a table", model, product)
    return relation, tests


def _is_model(node: Mapping[str, Any], model: SqlModel) -> bool:
    return bool(node["resource_type"] == "model" and node["name"] == model.name)


def _opened(
    folder: Path,
    relation: str,
    tests: tuple[DataTestResult, ...],
    product: DataProduct,
    settings: Settings,
) -> BuildResult:
    """The built rows as a stream; an empty one when dbt skipped the model."""
    if not relation:
        reader = pa.RecordBatchReader.from_batches(arrow_schema(product.contract), [])
        return BuildResult(tests, reader, folder)
    import duckdb

    connection = duckdb.connect(str(folder / DATABASE), read_only=True)
    connection.execute("set TimeZone = 'UTC'")
    rows = connection.sql(f"select * from {relation}")  # noqa: S608 -- dbt's own name of it # nosec B608
    reader = rows.to_arrow_reader(settings.publishing.batch_rows)
    return BuildResult(tests, reader, folder, connection)


def _artifact(file: Path) -> dict[str, Any]:
    """One of dbt's JSON files; empty when dbt did not come as far as to write it."""
    if not file.is_file():
        return {}
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _test_result(result: Mapping[str, Any], node: Mapping[str, Any]) -> DataTestResult:
    status = DataTestStatus(result["status"])
    is_warning = str(node["config"].get("severity", "error")).lower() == "warn"
    return DataTestResult(
        name=node["name"],
        status=status,
        failures=0 if status is DataTestStatus.PASS else int(result.get("failures") or 0),
        message=str(result.get("message") or ""),
        severity=Severity.WARNING
        if is_warning or status is DataTestStatus.WARN
        else Severity.ERROR,
    )


def _failure(said: str, model: SqlModel, product: DataProduct) -> SqlTransformError:
    """What dbt said, without times and without paths that are gone by now."""
    text = _COMPILED_AT.sub("", _TIMESTAMP.sub("", said)).strip()
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    shown = "\n".join(f"  {line}" for line in lines[:_MOST_LINES])
    return SqlTransformError(
        f"dbt could not build it:\n{shown}",
        where=f"{product.id} ({model.path})",
        hint=f"mend the model, then `mesh run {product.id}`",
    )
