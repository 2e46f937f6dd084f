"""Principals, ports, columns and requests in Cedar's JSON.

Owns how Mesh's values are told to Cedar, the same for every decision and for rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from mesh.access.model import Agreement, Ask, Port, Principal, PrincipalKind
from mesh.contracts.model import GUARDED

_KINDS = {
    PrincipalKind.PERSON: "Person",
    PrincipalKind.SERVICE: "Service",
    PrincipalKind.PRODUCT: "DataProduct",
}
RESIDENCY = "residency"
"""The tag that names the region in which a product's data stays."""

Uid = dict[str, str]
Entity = dict[str, Any]


def uid(kind: str, name: str) -> Uid:
    """How Cedar's JSON names something."""
    return {"type": f"Mesh::{kind}", "id": name}


def principal_uid(principal: Principal) -> Uid:
    """How a principal is named."""
    return uid(_KINDS[principal.kind], principal.name)


def column_uid(port: Port, column: str) -> Uid:
    """How a column is named: `operations.flights_v1.tail_number`."""
    return uid("Column", f"{port.name}.{column}")


def principal_entity(principal: Principal) -> Entity:
    """A principal with its attributes, in its domains and roles."""
    domains = [uid("Domain", name) for name in sorted(principal.domains)]
    roles = [uid("Role", name) for name in sorted(principal.roles)]
    return {
        "uid": principal_uid(principal),
        "attrs": {
            **principal.attributes,
            "name": principal.name,
            "known": principal.is_known,
            "domains": [{"__entity": domain} for domain in domains],
        },
        "parents": [*domains, *roles],
    }


def port_entities(port: Port) -> list[Entity]:
    """A port and its columns."""
    domain, own = uid("Domain", port.domain), uid("Port", port.name)
    attributes: dict[str, Any] = {
        "name": port.name,
        "domain": {"__entity": domain},
        "access": str(port.access),
        "classifications": sorted({str(c.classification) for c in port.contract.columns}),
        "tags": tag_texts(port.tags),
    }
    if RESIDENCY in port.tags:
        attributes[RESIDENCY] = port.tags[RESIDENCY]
    columns = [
        {
            "uid": column_uid(port, column.name),
            "attrs": {
                "name": column.name,
                "classification": str(column.classification),
                "port": {"__entity": own},
                "domain": {"__entity": domain},
            },
            "parents": [own],
        }
        for column in port.contract.columns
    ]
    return [{"uid": own, "attrs": attributes, "parents": [domain]}, *columns]


def tag_texts(tags: Mapping[str, str]) -> list[str]:
    """Tags as policies see them: `key=value`."""
    return [f"{name}={value}" for name, value in sorted(tags.items())]


def context(ask: Ask) -> dict[str, Any]:
    """What a decision is told beside who, what and which. The time is cut to the minute."""
    told: dict[str, Any] = {
        "purpose": ask.purpose,
        "environment": ask.environment,
        "now": moment(ask.now.replace(second=0, microsecond=0)),
    }
    if ask.agreement is not None:
        told["agreement"] = {
            "id": ask.agreement.id,
            "purpose": ask.agreement.purpose,
            "columns": sorted(agreed_columns(ask.agreement, ask.port)),
        }
    if ask.region:
        told["region"] = ask.region
    return told


def agreed_columns(agreement: Agreement, port: Port) -> Iterable[str]:
    """The columns that an agreement covers: those it names, or all that are not guarded."""
    if agreement.columns is not None:
        return agreement.columns
    return [c.name for c in port.contract.columns if c.classification not in GUARDED]


def moment(value: datetime) -> Mapping[str, Any]:
    """A moment, as Cedar reads it."""
    text = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return {"__extn": {"fn": "datetime", "arg": f"{text}Z"}}
