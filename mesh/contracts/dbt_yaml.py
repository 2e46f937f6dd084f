"""The shape of a dbt model's YAML.

Owns which keys a model, a column and a constraint may have, dbt's own and Mesh's under
`config.meta.mesh`. An unknown key is a problem: a misspelt `constraint` would otherwise be a
promise that nobody keeps.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mesh.contracts.model import Classification, Severity


class Shape(BaseModel):
    """Keys that are known, and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DbtConstraint(Shape):
    """One of dbt's constraints, of a column or of the model."""

    type: Literal["not_null", "unique", "primary_key", "foreign_key", "check", "custom"]
    expression: str = ""
    columns: tuple[str, ...] = ()
    name: str = ""
    to: str = ""
    to_columns: tuple[str, ...] = ()
    warn_unenforced: bool = True
    warn_unsupported: bool = True


class DbtReference(Shape):
    """A column that takes its values from another product's column."""

    to: str = ""
    severity: Severity = Severity.ERROR


class ColumnTerms(Shape):
    """`config.meta.mesh` of a column: what dbt has no words for."""

    key: bool = False
    unit: str = ""
    classification: Classification = Classification.INTERNAL
    references: str | DbtReference | None = None
    renamed_from: str = ""


class _ColumnMeta(BaseModel):
    mesh: ColumnTerms = ColumnTerms()


class _ColumnConfig(BaseModel):
    meta: _ColumnMeta = _ColumnMeta()


class DbtColumn(Shape):
    """One column of a dbt model's YAML."""

    name: str
    data_type: str = ""
    description: str = ""
    quote: bool = False
    constraints: tuple[DbtConstraint, ...] = ()
    config: _ColumnConfig = _ColumnConfig()
    data_tests: list[Any] = Field(default_factory=list)
    tests: list[Any] = Field(default_factory=list)
    tags: Any = None
    docs: Any = None

    @property
    def terms(self) -> ColumnTerms:
        """What Mesh is told about it."""
        return self.config.meta.mesh

    def has(self, constraint: str) -> bool:
        """Whether it has a constraint of that type."""
        return any(item.type == constraint for item in self.constraints)


class DbtModel(Shape):
    """One entry of `models:` in a dbt YAML file."""

    name: str
    description: str = ""
    columns: tuple[DbtColumn, ...] = ()
    constraints: tuple[DbtConstraint, ...] = ()
    data_tests: list[Any] = Field(default_factory=list)
    tests: list[Any] = Field(default_factory=list)
    docs: Any = None
    group: Any = None
    access: Any = None
    tags: Any = None
