"""Samples of products: made-up rows that keep a contract, and fit those of other products.

Owns what may be asked for (a model, a contract, a product or its name), and where the rows that it
refers to come from: those that are given, or samples of the products themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandera.polars as pa
import polars as pl

from mesh.contracts.model import Contract, Rule
from mesh.contracts.pandera import load as contract_of_model
from mesh.contracts.rules import Target
from mesh.contracts.verdict import Verdict
from mesh.errors import MeshError, SamplingError, UnknownColumnError
from mesh.products.collection import Organization, load_organization
from mesh.products.declaration import DataProduct, declaration_of
from mesh.settings import load as load_settings
from mesh.testing.judging import Judge
from mesh.testing.order import Order, Override
from mesh.testing.rows import made

Subject = type[pa.DataFrameModel] | Contract | DataProduct | Callable[..., Any] | str
"""What rows are made up for: a contract's class or value, a product, its function, or its name."""


def sample(
    subject: Subject,
    *,
    rows: int | None = None,
    seed: int = 0,
    columns: Mapping[str, Override] | None = None,
    references: Mapping[str, pl.DataFrame] | None = None,
    null_share: float = 0.1,
) -> pl.DataFrame:
    """Made-up rows that keep a contract: the gate passes them. The same seed, the same rows.

    Args:
        subject: a contract's class or value, a product, or its name in the mesh of this folder.
        rows: how many; by default 100, or as near as the contract lets it be.
        seed: another one makes other rows.
        columns: for columns that rules cannot be guessed of: values to choose from, or a Polars
            expression of the other columns.
        references: rows of the products that it refers to, by product; by default samples of them,
            where the subject is a product or a name. A contract by itself knows no mesh: what it
            refers to is then taken to be there.
        null_share: how many values of a nullable column are null, from 0 to 1.

    Raises SamplingError that names the rule which no rows were found for.
    """
    asked = {"rows": rows, "seed": seed, "columns": columns or {}, "null_share": null_share}
    return made(Samples(given=references or {}).order(subject, **asked))


def samples(
    rows: Mapping[str, int | None],
    *,
    seed: int = 0,
    columns: Mapping[str, Mapping[str, Override]] | None = None,
) -> dict[str, pl.DataFrame]:
    """Samples of several products of this folder's mesh, by name, which refer to each other.

    Args:
        rows: how many rows of each product; None is as many as `sample` makes.
        seed: another one makes other rows.
        columns: as for `sample`, by product.

    Raises SamplingError, UnknownProductError.
    """
    names = {str(Samples().product(name).id): count for name, count in rows.items()}
    overrides = {str(Samples().product(n).id): told for n, told in (columns or {}).items()}
    all_of_them = Samples(rows=names, seed=seed, columns=overrides)
    return {name: all_of_them.rows_of(name) for name in names}


def judge(
    subject: Subject, data: Any, *, references: Mapping[str, pl.DataFrame] | None = None
) -> Verdict:
    """The gate's verdict on any Arrow producer, without publishing it.

    What the contract refers to is in `references`, by product; of a product that is not there, the
    rule is skipped. `verdict.is_accepted` says whether every row may be published,
    `verdict.failures` are the broken rules, `verdict.differences` columns that are not the
    contract's.
    """
    frames = Samples(given=references or {})
    contract, own, extra = frames.resolved(subject)
    return Judge(contract, frames.given_for(contract), own, extra).verdict(data)


@dataclass
class Samples:
    """Samples that fit each other, each made once. `given` are rows of products that are there."""

    given: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    rows: Mapping[str, int | None] = field(default_factory=dict)
    seed: int = 0
    columns: Mapping[str, Mapping[str, Override]] = field(default_factory=dict)
    known: Organization | None = None
    _made: dict[str, pl.DataFrame] = field(default_factory=dict)
    _under_way: list[str] = field(default_factory=list)

    @cached_property
    def organization(self) -> Organization:
        """The mesh that holds the current folder, unless another is `known`."""
        return self.known or load_organization(load_settings())

    def product(self, name: str) -> DataProduct:
        """A product by name. Raises UnknownProductError, or what broke its domain."""
        for broken in self.organization.broken:
            if name.startswith(f"{broken.name}."):
                raise broken.error
        return self.organization.product(name)

    def resolved(self, subject: object) -> tuple[Contract, str, tuple[Rule, ...]]:
        """The contract, the product's name and the rules of its write mode, as far as it has them.

        Raises MeshError for what is none of the things that rows can be made up for.
        """
        if isinstance(subject, str):
            subject = self.product(subject)
        if isinstance(subject, DataProduct):
            return subject.contract, str(subject.id), tuple(subject.write_rules)
        if isinstance(subject, Contract):
            return subject, "", ()
        if inspect.isclass(subject) and issubclass(subject, pa.DataFrameModel):
            return contract_of_model(subject), "", ()
        if (declared := declaration_of(subject)) is not None:
            return self.resolved(declared.contract)
        raise MeshError(
            f"{subject!r} is no contract and no product",
            hint="pass a mesh.Contract class, a contract, a product, or its name",
        )

    def order(self, subject: Subject, **asked: Any) -> Order:
        """What is to be made, with the rows that it refers to."""
        contract, own, extra = self.resolved(subject)
        if (asked.get("rows") or 0) < 0 or not 0 <= asked.get("null_share", 0) <= 1:
            raise SamplingError(
                f"rows is {asked.get('rows')}, null_share is {asked.get('null_share')}",
                where=contract.name,
                hint="rows is 0 or more, null_share from 0 to 1",
            )
        for name in asked.get("columns", {}):
            contract.column(name)
        known = self.given_for(contract)
        if own:
            known = {**self.sampled_for(contract, own), **known}
        return Order(contract, known=known, own=own, extra_rules=extra, **asked)

    def rows_of(self, name: str) -> pl.DataFrame:
        """The sample of a product, made when it is first asked for."""
        if name not in self._made:
            self._under_way.append(name)
            asked = {"rows": self.rows.get(name), "columns": self.columns.get(name, {})}
            try:
                self._made[name] = made(self.order(name, seed=self.seed, **asked))
            finally:
                self._under_way.remove(name)
        return self._made[name]

    def given_for(self, contract: Contract) -> dict[str, pl.DataFrame]:
        """The given rows that a contract refers to, by how its rules name them."""
        found = {}
        for rule in contract.rules:
            if rule.check == "references":
                target = Target.of(rule)
                if target.product in self.given:
                    found[str(target)] = _columns(self.given[target.product], target)
        return found

    def sampled_for(self, contract: Contract, own: str) -> dict[str, pl.DataFrame]:
        """Samples of the products that a contract refers to, by how its rules name them."""
        found = {}
        for rule in contract.rules:
            if rule.check != "references":
                continue
            target = Target.of(rule)
            skipped = {own, *self.given, *self._under_way}
            if target.product not in skipped and target.product in self.organization.products:
                found[str(target)] = _columns(self.rows_of(target.product), target)
        return found


def _columns(frame: pl.DataFrame, target: Target) -> pl.DataFrame:
    for name in target.columns:
        if name not in frame.columns:
            raise UnknownColumnError(name, frame.columns, where=f"references: {target.product}")
    return frame.select(target.columns)
