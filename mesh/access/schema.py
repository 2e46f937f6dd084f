"""The Cedar schema that policies are held against, made from a mesh's own model.

Owns the words that a policy may use: kinds of principals and resources, actions, attributes and
their types. `docs/guides/policy.md` tells them to people.
"""

from __future__ import annotations

from collections.abc import Mapping

from mesh.access.cedar_values import Kind
from mesh.access.row_columns import column_kind
from mesh.contracts.model import Contract
from mesh.products.domain import AttributeType

NAMESPACE = "Mesh"
_ATTRIBUTE_TYPES = {
    AttributeType.TEXT: "String",
    AttributeType.NUMBER: "Long",
    AttributeType.FLAG: "Bool",
}
_COLUMN_TYPES = {
    Kind.STRING: "String",
    Kind.BOOL: "Bool",
    Kind.LONG: "Long",
    Kind.DATETIME: "datetime",
    Kind.DECIMAL: "decimal",
}
_TEXT = """\
namespace Mesh {{
  type Agreement = {{ id: String, purpose: String, columns: Set<String> }};
  type Context = {{
    purpose: String, environment: String, now: datetime, agreement?: Agreement, region?: String
  }};
  entity Domain;
  entity Role;
  entity Person, Service, DataProduct in [Domain, Role] = {{
    name: String, known: Bool, domains: Set<Domain>{attributes}
  }};
  entity Port in [Domain] = {{
    name: String, domain: Domain, access: String, classifications: Set<String>,
    tags: Set<String>, residency?: String
  }};
  entity Column in [Port] = {{
    name: String, classification: String, port: Port, domain: Domain
  }};
  entity Row in [Port] = {{ {columns} }};
  entity Product in [Domain] = {{
    name: String, domain: Domain, access: String, classifications: Set<String>,
    tags: Set<String>, engine: String, description: String, described: Long, owner?: String,
    freshness?: String, schedule?: String, reads_deprecated: Set<String>, reads_ended: Set<String>,
    unclassified: Set<String>, in_personal_domain: Bool
  }};
  action read appliesTo {{ principal: [Person, Service], resource: [Port], context: Context }};
  action use appliesTo {{ principal: [DataProduct], resource: [Port], context: Context }};
  action publish appliesTo {{ principal: [DataProduct], resource: [Port], context: Context }};
  action see appliesTo {{
    principal: [Person, Service, DataProduct], resource: [Column], context: Context
  }};
  action see_row appliesTo {{
    principal: [Person, Service, DataProduct], resource: [Row], context: Context
  }};
  action declare appliesTo {{ principal: [DataProduct], resource: [Product], context: Context }};
}}
"""


def cedar_columns(contract: Contract) -> dict[str, str]:
    """The Cedar type of each column that a policy over rows can ask for."""
    kinds = {column.name: column_kind(column) for column in contract.columns}
    return {name: _COLUMN_TYPES[kind] for name, kind in kinds.items() if kind is not None}


def schema_text(
    attributes: Mapping[str, AttributeType], columns: Mapping[str, str] | None = None
) -> str:
    """The schema in Cedar's own words. `columns` are those of the rows that are spoken of.

    Rows of two products may have columns of one name and two types, so that no schema holds for
    rows of all.
    """
    own = {name: _ATTRIBUTE_TYPES[kind] for name, kind in attributes.items()}
    return _TEXT.format(
        attributes="".join(f", {name}" for name in _optional(own)),
        columns=", ".join(_optional(columns or {})),
    )


def _optional(types: Mapping[str, str]) -> list[str]:
    """Declarations of attributes that may be absent, in a fixed order."""
    return [f'"{_escaped(name)}"?: {kind}' for name, kind in sorted(types.items())]


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')
