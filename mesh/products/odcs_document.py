"""A product as an ODCS document: its contract, and what the domain and the declaration say.

Owns which of a product's own facts stand where in the standard. Writes by `contracts.odcs.writing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mesh.contracts.odcs.writing import DEFAULT, document
from mesh.products.declaration import DataProduct
from mesh.products.domain import DomainManifest
from mesh.products.odps import contract_id
from mesh.products.ports import parse_duration

_WITH_TEAM_OBJECT = "3.1.0"


def odcs_document(
    product: DataProduct,
    manifest: DomainManifest,
    *,
    version: str = DEFAULT,
    table_url: str = "",
    environment: str = "",
) -> dict[str, Any]:
    """The ODCS document of a product, of a version of the standard, in plain values.

    `table_url` is where its Delta table is, in an environment. A product whose contract is an ODCS
    file gives that document; the domain's facts fill what it leaves out.
    """
    facts = _facts(product, manifest, version)
    if table_url:
        facts["servers"] = [_server(table_url, environment)]
    if product.contract.document:  # its own words about these go before a domain's
        facts = {key: facts[key] for key in ("domain", "dataProduct") if key in facts}
    made = document(product.contract, version=version, facts=facts)
    if not product.contract.document:
        _partition(made, product.partition_by)
    return made


def _facts(product: DataProduct, manifest: DomainManifest, version: str) -> dict[str, Any]:
    texts = {
        "purpose": product.description,
        "usage": manifest.terms.usage,
        "limitations": manifest.terms.limitations,
    }
    levels = [*_freshness(product), *_retention(product)]
    facts: dict[str, Any] = {
        "id": contract_id(product),
        "domain": product.id.domain,
        "dataProduct": product.id.name,
        "description": {key: text for key, text in texts.items() if text},
        "tags": [f"{name}:{value}" for name, value in product.tags.items()],
        "team": _team(manifest, version),
        "support": [_support(manifest)],
        "slaProperties": levels,
    }
    return {key: value for key, value in facts.items() if value}


def _team(manifest: DomainManifest, version: str) -> Any:
    members = manifest.team.as_members()
    if version < _WITH_TEAM_OBJECT:
        return members
    return {"name": manifest.team.name, "members": members}


def _support(manifest: DomainManifest) -> dict[str, str]:
    contact = manifest.contact
    channel = contact.channel or contact.email
    return {"channel": channel, "tool": "email", "url": f"mailto:{contact.email}"}


def _freshness(product: DataProduct) -> list[dict[str, Any]]:
    if product.freshness is None:
        return []
    seconds = int(parse_duration(product.freshness.within).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return [{"property": "latency", "value": seconds // size, "unit": unit}]
    return [{"property": "latency", "value": seconds, "unit": "s"}]


def _retention(product: DataProduct) -> list[dict[str, Any]]:
    kept = product.retention
    if kept is None:
        return []
    level = kept.as_json()
    if kept.column:
        level["element"] = f"{product.contract.name}.{kept.column}"
    return [level]


def _server(url: str, environment: str) -> dict[str, str]:
    scheme = urlsplit(url).scheme if "://" in url else ""
    named = {"server": environment or "dev", "format": "delta"}
    if scheme == "s3":
        return {**named, "type": "s3", "location": url}
    if scheme in {"", "file"}:
        return {**named, "type": "local", "path": url}
    return {**named, "type": "custom", "location": url}


def _partition(made: dict[str, Any], columns: tuple[str, ...]) -> None:
    """Say of the columns that parts the files are laid out by."""
    properties: list[dict[str, Any]] = made["schema"][0]["properties"]
    for position, name in enumerate(columns, start=1):
        for item in properties:
            if item["name"] == name:
                item |= {"partitioned": True, "partitionKeyPosition": position}


def told_elsewhere(found: Mapping[str, Any]) -> list[str]:
    """What of a document is about the team and the terms, which `domain.yaml` says for a domain."""
    keys = ("team", "roles", "support", "servers", "price", "slaProperties", "description", "tags")
    return [key for key in keys if found.get(key)]
