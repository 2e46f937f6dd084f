"""`mesh quarantine`: rejected rows, and the rules that they broke."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session, find_product
from mesh.errors import UnknownProductError

if TYPE_CHECKING:
    import polars as pl

    from mesh.contracts.model import Contract, Rule
    from mesh.naming import ProductId
    from mesh.orchestration.workspace import Workspace
    from mesh.products.collection import Organization

app = typer.Typer(help="Look at rejected rows.", no_args_is_help=True)

_COUNTS = ("latest run", "all")


@app.command("list")
def list_waiting(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the products that have rows in quarantine."""
    from mesh.cli.console import add_row, age, print_json, print_table, say, table

    session = Session.of(context)
    workspace = session.workspace()
    declared = {product.id for product in session.organization().products.values()}
    known = sorted(declared | set(workspace.catalog.product_ids()))
    found = [tally for product in known if (tally := tally_of(product, workspace)) is not None]
    if as_json:
        print_json(found)
        return
    if not found:
        say("no rows are in quarantine")
        return
    made = table("product", "latest run", "all", "last rejected", right=_COUNTS)
    for tally in found:
        latest, every = f"{tally['latest_run']:,}", f"{tally['rows']:,}"
        add_row(made, tally["product"], latest, every, age(tally["last_rejected_at"]))
    print_table(made)


@app.command("show")
def show(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    run: Annotated[str, typer.Option(help="Only rows that this run rejected.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Sample rows of each rule.")] = 10,
    is_all: Annotated[
        bool, typer.Option("--all", help="Rows of every publication, not of the latest alone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show rejected rows by the rule that they broke.

    By default those of the latest run.
    """
    from mesh.cli.console import print_json

    session = Session.of(context)
    workspace = session.workspace()
    name, contract = _known(session.organization(), workspace, product)
    rows = _rows(name, workspace, run=run, is_all=is_all)
    groups = [] if rows is None else _groups(rows, contract, limit)
    if as_json:
        print_json({"product": str(name), "rules": [group.as_json() for group in groups]})
    elif groups:
        _print(name, contract, groups)
    else:
        _print_none(name, workspace)


@dataclass(frozen=True, slots=True)
class Group:
    """The rows that broke one rule: how many, and samples of them. A rule may be gone by now."""

    rule_id: str
    rule: Rule | None
    rows: int
    samples: pl.DataFrame

    @property
    def text(self) -> str:
        """The rule in words."""
        return self.rule.text if self.rule else f"{self.rule_id}, which the contract has no more"

    def as_json(self) -> dict[str, Any]:
        """The group as plain values."""
        samples = self.samples.to_dicts()
        return {"rule": self.rule_id, "text": self.text, "rows": self.rows, "samples": samples}


def tally_of(product: ProductId, workspace: Workspace) -> dict[str, Any] | None:
    """How many rows of a product are in quarantine; None when there are none."""
    import polars as pl

    from mesh.reading import rejected_rows

    rows = rejected_rows(product, workspace.lake)
    if rows is None:
        return None
    latest = workspace.catalog.latest_receipt(str(product))
    counted = rows.select(
        pl.len().alias("rows"),
        (pl.col("_mesh_run") == (latest.run_id if latest else "")).sum().alias("latest_run"),
        pl.col("_mesh_rejected_at").max().alias("last_rejected_at"),
    )
    found = counted.collect(engine="streaming").row(0, named=True)
    return {"product": str(product), **found} if found["rows"] else None


def _known(
    organization: Organization, workspace: Workspace, name: str
) -> tuple[ProductId, Contract]:
    """A product's name and contract, as it is declared or as the catalog remembers it.

    Raises UnknownProductError with near names.
    """
    try:
        declared = find_product(organization, name)
    except UnknownProductError:
        if name not in {str(product) for product in workspace.catalog.product_ids()}:
            raise
        remembered = workspace.catalog.product(name)
        return remembered.id, remembered.contract
    return declared.id, declared.contract


def _rows(
    product: ProductId, workspace: Workspace, *, run: str, is_all: bool
) -> pl.LazyFrame | None:
    import polars as pl

    from mesh.reading import rejected_rows

    rows = rejected_rows(product, workspace.lake)
    if rows is None:
        return None
    if run:
        return rows.filter(pl.col("_mesh_run") == run)
    if is_all:
        return rows
    latest = workspace.catalog.latest_receipt(str(product))
    return rows.filter(pl.col("_mesh_run") == (latest.run_id if latest else ""))


def _groups(rows: pl.LazyFrame, contract: Contract, limit: int) -> list[Group]:
    """The broken rules, the one that most rows broke first."""
    import polars as pl

    rules = {rule.id: rule for rule in contract.rules}
    by_rule = rows.explode("_mesh_rules").rename({"_mesh_rules": "_mesh_rule"})
    counted = by_rule.group_by("_mesh_rule").len().sort("len", descending=True).collect()
    return [
        Group(
            rule_id=rule,
            rule=rules.get(rule),
            rows=rows_of_rule,
            samples=by_rule.filter(pl.col("_mesh_rule") == rule)
            .sort("_mesh_rejected_at", "_mesh_row", descending=[True, False])
            .head(limit)
            .drop("_mesh_rule", "_mesh_publication")
            .collect(),
        )
        for rule, rows_of_rule in counted.iter_rows()
    ]


def _print(product: ProductId, contract: Contract, groups: list[Group]) -> None:
    from mesh.cli.console import count, say
    from mesh.cli.grid import print_rows

    for group in groups:
        say(f"{count(group.rows, 'row')} of {product} broke `{group.text}`", "bold")
        broken = group.rule.columns if group.rule else ()
        own = [name for name in group.samples.columns if not name.startswith("_mesh_")]
        samples = group.samples.select("_mesh_row", *own, "_mesh_run", "_mesh_rejected_at")
        print_rows(samples, ("_mesh_row", *broken, *contract.key), hint="`--json` has them")


def _print_none(product: ProductId, workspace: Workspace) -> None:
    from mesh.cli.console import count, say

    tally = tally_of(product, workspace)
    if tally is None:
        say(f"no rows of {product} are in quarantine")
    else:
        rows = count(tally["rows"], "row")
        say(f"the latest run of {product} rejected no rows")
        say(f"{rows} of other publications: `mesh quarantine show {product} --all`", "dim")
