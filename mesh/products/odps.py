"""A domain as a document of the Open Data Product Standard (ODPS) 1.0.0.

Owns which of a domain's own facts stand where in the standard, and what becomes of a document that
the domain was imported from: what Mesh does not know of stays as it was. Reads no data.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mesh.contracts.yaml_files import FileKind, line_of, read_yaml
from mesh.errors import ManifestError, Problem
from mesh.products.collection import Domain, Organization
from mesh.products.declaration import DataProduct
from mesh.products.domain import NAMED_ROLES

VERSION = "v1.0.0"
"""The version of the standard that is written."""
VERSIONS = ("v0.9.0", "v1.0.0")
"""The versions that are read."""
FILE = "domain.odps.yaml"
"""The document beside `domain.yaml` that a domain was imported from."""
_KIND = FileKind(
    "data products",
    1_000_000,
    ManifestError,
    max_added=100_000,
    is_literal=True,
    if_missing="name a file such as sales.odps.yaml",
)
_LISTS = ("inputPorts", "outputPorts", "managementPorts", "support", "tags")
_REQUIRED = {
    "inputPorts": ("name", "version", "contractId"),
    "outputPorts": ("name", "version"),
    "managementPorts": ("name", "content"),
    "support": ("channel", "url"),
}
"""What each of a list's items has to say."""


def domain_document(domain: Domain, organization: Organization) -> dict[str, Any]:
    """The ODPS document of a domain: its products as output ports, by major, and what they read.

    A domain that was imported gives its document back, with the ports of its products in it.
    """
    own = _own(domain, organization)
    file = domain.folder / FILE
    if not file.is_file():
        return own
    return _merged(read_document(file), own)


def read_document(file: Path) -> dict[str, Any]:
    """An ODPS document in plain values. Raises ManifestError that lists every problem."""
    found, lines = read_yaml(file, _KIND)
    if not isinstance(found, Mapping):
        raise ManifestError([Problem("it is no mapping", str(file), "kind: DataProduct")])
    problems = [
        Problem(what, f"{file}:{line_of(lines, path)}: {'.'.join(path)}", hint)
        for what, path, hint in _problems(found)
    ]
    if problems:
        raise ManifestError(problems)
    return dict(found)


def contract_id(product: DataProduct) -> str:
    """The id of a product's contract: its document's own, or the product's name."""
    return str(product.contract.document.get("id") or product.id)


def _own(domain: Domain, organization: Organization) -> dict[str, Any]:
    manifest = domain.manifest
    texts = {
        "purpose": manifest.purpose,
        "limitations": manifest.terms.limitations,
        "usage": manifest.terms.usage,
    }
    made: dict[str, Any] = {
        "apiVersion": VERSION,
        "kind": "DataProduct",
        "id": domain.name,
        "name": manifest.title or domain.name,
        "domain": domain.name,
        "status": "active",
        "tenant": organization.manifest.name,
        "description": {key: text for key, text in texts.items() if text},
        "inputPorts": list(_input_ports(domain, organization)),
        "outputPorts": [_output_port(product, organization) for product in domain.products],
        "managementPorts": _management_ports(domain),
        "support": list(_support(domain)),
        "team": {"name": manifest.team.name, "members": manifest.team.as_members()},
    }
    return {key: value for key, value in made.items() if value}


def _input_ports(domain: Domain, organization: Organization) -> Iterator[dict[str, Any]]:
    """Products of other domains that this one reads, each once."""
    read = {port.product for p in domain.products for port in p.inputs.values()}
    for name in sorted(read):
        known = organization.products.get(name)
        if known is None or known.id.domain != domain.name:
            yield {"name": name, **_contract_of(name, organization, id_key="contractId")}


def _contract_of(name: str, organization: Organization, *, id_key: str) -> dict[str, str]:
    known = organization.products.get(name)
    if known is None:
        return {"version": f"{name.rpartition('_v')[2]}.0.0", id_key: name}
    return {"version": str(known.contract.version), id_key: contract_id(known)}


def _output_port(product: DataProduct, organization: Organization) -> dict[str, Any]:
    reads = sorted({port.product for port in product.inputs.values()})
    port: dict[str, Any] = {
        "name": product.id.name,
        "description": product.description.partition("\n")[0],
        "type": "delta",
        "version": str(product.contract.version),
        "contractId": contract_id(product),
        "inputContracts": [_contract_of(name, organization, id_key="id") for name in reads],
        "tags": [f"{name}:{value}" for name, value in product.tags.items()],
    }
    if product.deprecated is not None:
        words = {"deprecated": product.deprecated.isoformat(), "successor": product.successor}
        port["customProperties"] = [
            {"property": f"mesh.{key}", "value": value} for key, value in words.items() if value
        ]
    return {key: value for key, value in port.items() if value}


def _management_ports(domain: Domain) -> list[dict[str, str]]:
    return [
        {
            "name": "catalog",
            "content": "discoverability",
            "type": "cli",
            "description": f"`mesh list --domain {domain.name}`, and `mesh show` of each product",
        },
        {
            "name": "runs",
            "content": "observability",
            "type": "dagster",
            "description": f"Runs and checks of the code location {domain.name}",
        },
    ]


def _support(domain: Domain) -> Iterator[dict[str, str]]:
    contact = domain.manifest.contact
    yield {"channel": contact.email, "url": f"mailto:{contact.email}", "tool": "email"}
    if contact.channel:
        yield {"channel": contact.channel, "url": f"mailto:{contact.email}", "tool": "chat"}


def _merged(document: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A document with the ports of the domain's products; all else is as it says."""
    made = copy.deepcopy(dict(document))
    for key in ("inputPorts", "outputPorts"):
        ports = list(own.get(key, ()))
        if not ports:
            continue
        mine = {(port["name"], _major(port["version"])): port for port in ports}
        kept = [
            {**port, **mine.pop((port["name"], _major(str(port["version"]))), {})}
            for port in made.get(key, ())
        ]
        made[key] = [*kept, *mine.values()]
    return made


def _major(version: str) -> str:
    return version.lstrip("v").partition(".")[0]


def _problems(found: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """What is wrong with a document, its path, and what to do."""
    if found.get("kind") != "DataProduct":
        yield f"kind is {found.get('kind')!r}", ("kind",), "write kind: DataProduct"
    if found.get("apiVersion") not in VERSIONS:
        hint = f"versions are {', '.join(VERSIONS)}"
        yield f"there is no version {found.get('apiVersion')!r}", ("apiVersion",), hint
    for key in ("id", "status"):
        if not isinstance(found.get(key), str) or not found[key]:
            yield f"{key} is missing", (key,), "write a text"
    for key in _LISTS:
        items = found.get(key, [])
        if not isinstance(items, list):
            yield f"{key} is no list", (key,), "begin each item with a dash"
            continue
        for index, item in enumerate(items):
            yield from _item_problems(key, item, (key, str(index)))
    for key in ("description", "team"):
        if not isinstance(found.get(key, {}), Mapping):
            yield f"{key} is no mapping", (key,), ""


def _item_problems(
    key: str, item: Any, path: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...], str]]:
    if key == "tags":
        if not isinstance(item, str):
            yield f"{item!r} is no tag", path, "write a text"
    elif not isinstance(item, Mapping):
        yield "it is no mapping", path, ""
    else:
        for wanted in _REQUIRED[key]:
            if not isinstance(item.get(wanted), str) or not item[wanted]:
                yield f"{wanted} is missing", (*path, wanted), "write a text"


def people_of(document: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The people of a document's team whose addresses are known, by the role in `domain.yaml`."""
    team = document.get("team")
    members = team.get("members") if isinstance(team, Mapping) else None
    found: dict[str, dict[str, str]] = {}
    for member in members if isinstance(members, list) else ():
        address = str(member.get("username", "")) if isinstance(member, Mapping) else ""
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
            continue
        role = str(member.get("role", "")).lower().replace("_", " ")
        person = {"name": str(member.get("name") or address), "email": address}
        for key in NAMED_ROLES:
            if role == key.replace("_", " ") or (role == "owner" and key == "product_owner"):
                found.setdefault(key, person)
    return found
