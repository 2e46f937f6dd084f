"""What Dagster's own step costs: one that does nothing, and Mesh's for a tiny product.

Owns a mesh of one domain in a temporary folder, made once a process, with an ephemeral Dagster
instance. Both steps run in this process, as `dagster.materialize` does.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

_PERSON = "{name: Ada Byron, email: ada@example.com}"
_FILES = {
    "pyproject.toml": '[tool.mesh]\nstorage = ".mesh/lake"\n',
    "domains/__init__.py": "",
    "domains/tpch/__init__.py": "",
    "domains/tpch/products/__init__.py": "",
    "domains/organization.yaml": "name: tpch\ntitle: TPC-H\ndomains: [tpch]\n",
    "domains/tpch/domain.yaml": (
        "name: tpch\ntitle: TPC-H\npurpose: To be measured.\nkind: source-aligned\n"
        f"team:\n  name: Benchmarks\n  product_owner: {_PERSON}\n"
        f"  business_technology_partner: {_PERSON}\n  data_steward: {_PERSON}\n"
        "contact:\n  email: tpch@example.com\nterms:\n  usage: Any.\n"
    ),
    "domains/tpch/products/lineitem.py": (
        '"""Order lines."""\n\nimport polars as pl\n\nimport mesh\n'
        "from benchmarks.workloads.lineitem import Lineitem\n\n\n"
        "@mesh.data_product(contract=Lineitem)\n"
        'def lineitem() -> pl.LazyFrame:\n    """The first lines."""\n'
        "    return pl.scan_parquet({file!r})\n"
    ),
    "domains/tpch/definitions.py": "import mesh\n\ndefs = mesh.definitions(__file__)\n",
}


def empty_step(data: Any, _: Path) -> None:  # noqa: ARG001 -- as the others
    """An asset that does nothing."""
    _materialize(_empty_asset())


def checked_step(data: Any, _: Path) -> None:  # noqa: ARG001 -- as the others
    """An asset that does nothing but report as many checks as Mesh's has."""
    _materialize(_asset_of_checks())


def own_step(data: Any, _: Path) -> None:
    """The asset that publishes `data`."""
    _materialize(_own_asset(_written(data)))


def _materialize(asset: Any) -> None:
    import dagster as dg

    if not dg.materialize([asset], instance=_instance()).success:
        raise SystemExit("the step failed")


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="mesh-benchmark-steps-")


@cache
def _instance() -> Any:
    import dagster as dg

    return dg.DagsterInstance.ephemeral()


@cache
def _empty_asset() -> Any:
    import dagster as dg

    @dg.asset
    def nothing() -> None:
        """Nothing at all."""

    return nothing


@cache
def _asset_of_checks() -> Any:
    import dagster as dg

    from benchmarks.workloads.lineitem import product

    names = [rule.id for rule in product().rules]
    specs = [dg.AssetCheckSpec(name, asset="nothing_checked") for name in names]

    @dg.asset(check_specs=specs)
    def nothing_checked():  # noqa: ANN202 -- Dagster reads it
        """Nothing, and every check of it passes."""
        results = [dg.AssetCheckResult(check_name=name, passed=True) for name in names]
        return dg.MaterializeResult(check_results=results)

    return nothing_checked


def _written(data: Any) -> Path:
    """The file that the product reads, written once: by the run that warms up."""
    file = Path(_folder().name) / "lineitem.parquet"
    if not file.exists():
        data.write_parquet(file)
    return file


@cache
def _own_asset(file: Path) -> Any:
    from mesh.orchestration import definitions

    root = Path(_folder().name)
    for name, text in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{file!r}", repr(str(file))), encoding="utf-8")
    found = definitions.definitions(root / "domains/tpch/definitions.py")
    (asset,) = found.assets or ()
    return asset
