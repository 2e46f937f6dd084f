"""Rejected rows as people read them: by the rule that they broke, with samples.

Owns the account of a quarantine as plain values, from which both the JSON and the page on the
terminal are made. Values of columns that are not for everyone are hidden unless they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from mesh.contracts.model import Contract, Rule
    from mesh.naming import ProductId
    from mesh.orchestration.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Group:
    """The rows that broke one rule: how many, of which runs, since when, and samples of them.

    A rule may be gone by now.
    """

    rule_id: str
    rule: Rule | None
    rows: int
    runs: Mapping[str, int]
    since: datetime
    samples: pl.DataFrame

    @property
    def text(self) -> str:
        """The rule in words."""
        return self.rule.text if self.rule else f"{self.rule_id}, which the contract has no more"

    def as_json(self) -> dict[str, Any]:
        """The group as plain values."""
        return {
            "rule": self.rule_id,
            "text": self.text,
            "rows": self.rows,
            "runs": dict(self.runs),
            "since": self.since,
            "samples": self.samples.to_dicts(),
        }


def tally_of(product: ProductId, workspace: Workspace) -> dict[str, Any] | None:
    """How many rows of a product are in quarantine; None when there are none.

    `rows` are all that are there, `waiting` those that no later run took the place of.
    """
    import polars as pl

    from mesh.reading.waiting import PUBLICATION, waiting_rows

    found = waiting_rows(product, workspace.lake)
    if found is None:
        return None
    waits = ~pl.col(PUBLICATION).is_in(sorted(found.superseded))
    rejected_at = pl.col("_mesh_rejected_at")
    counted = found.rows.select(
        pl.len().alias("rows"),
        waits.sum().alias("waiting"),
        rejected_at.filter(waits).min().alias("waiting_since"),
        rejected_at.max().alias("last_rejected_at"),
    )
    tally = counted.collect(engine="streaming").row(0, named=True)
    return {"product": str(product), **tally} if tally["rows"] else None


def groups_of(
    rows: pl.LazyFrame, contract: Contract, limit: int, hidden: frozenset[str]
) -> list[Group]:
    """The broken rules, the one that most rows broke first, with at most `limit` samples each."""
    import polars as pl

    from mesh.contracts.verdict import HIDDEN

    rules = {rule.id: rule for rule in contract.rules}
    by_rule = rows.explode("_mesh_rules").rename({"_mesh_rules": "_mesh_rule"})
    counted = (
        by_rule.group_by("_mesh_rule", "_mesh_run")
        .agg(pl.len(), pl.col("_mesh_rejected_at").min().alias("since"))
        .sort("since", "_mesh_run", descending=[True, False])
        .collect()
    )
    found = []
    for (rule,), own in counted.partition_by("_mesh_rule", as_dict=True).items():
        samples = (
            by_rule.filter(pl.col("_mesh_rule").eq_missing(rule))
            .sort("_mesh_rejected_at", "_mesh_row", descending=[True, False])
            .head(limit)
            .drop("_mesh_rule", "_mesh_publication")
            .with_columns(
                pl.when(pl.col(name).is_not_null()).then(pl.lit(HIDDEN)).alias(name)
                for name in sorted(hidden & set(rows.collect_schema().names()))
            )
            .collect()
        )
        runs = dict(own.select("_mesh_run", "len").iter_rows())
        since: datetime = own.get_column("since").sort().item(0)
        name = str(rule)
        found.append(Group(name, rules.get(name), sum(runs.values()), runs, since, samples))
    return sorted(found, key=lambda group: (-group.rows, group.rule_id))


def print_groups(product: ProductId, contract: Contract, groups: list[Group]) -> None:
    """Print each group: the rule, since when and by which runs, and samples."""
    from mesh.cli.console import age, count, moment, say
    from mesh.cli.grid import print_rows

    for group in groups:
        say(f"{count(group.rows, 'row')} of {product} broke `{group.text}`", "bold")
        since = f"since {moment(group.since)}, {age(group.since)}"
        say(f"in quarantine {since}, rejected by {_runs(group.runs)}", "dim")
        broken = group.rule.columns if group.rule else ()
        own = [name for name in group.samples.columns if not name.startswith("_mesh_")]
        samples = group.samples.select("_mesh_row", *own, "_mesh_run", "_mesh_rejected_at")
        print_rows(samples, ("_mesh_row", *broken, *contract.key), hint="`--json` has them")


_RUNS = 3


def _runs(runs: Mapping[str, int]) -> str:
    """The latest runs by name, and how many more there are."""
    names = list(runs)
    noun = "run" if len(names) == 1 else "runs"
    more = f" and {len(names) - _RUNS} more" if len(names) > _RUNS else ""
    return f"{noun} {', '.join(names[:_RUNS])}{more}"
