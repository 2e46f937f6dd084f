"""The forms that `mesh contract export` writes: each is a function from a product to text.

Owns what of the product and its domain stands beside the contract in each form. The forms
themselves are `mesh.contracts.projections` and `mesh.contracts.odcs`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mesh.errors import MeshError

if TYPE_CHECKING:
    from mesh.products.collection import Domain, Organization
    from mesh.products.declaration import DataProduct
    from mesh.settings import Settings


class Form(StrEnum):
    """What a contract may be written as."""

    ODCS = "odcs"
    ODPS = "odps"
    JSON_SCHEMA = "json-schema"
    ARROW = "arrow"
    DBT = "dbt"
    PANDERA = "pandera"
    OPENAPI = "openapi"
    MARKDOWN = "markdown"


@dataclass(frozen=True, slots=True)
class Exported:
    """What is exported: a product with the contract that is meant, and what lies around it.

    `standard` is the version of ODCS that is asked for; empty for the contract's own.
    """

    product: DataProduct
    organization: Organization
    settings: Settings
    standard: str = ""
    history: tuple[str, ...] = ()

    @property
    def domain(self) -> Domain:
        """The product's domain."""
        return self.organization.domain(self.product.id.domain)


def written(exported: Exported, form: Form) -> str:
    """The contract as text. Raises MeshError."""
    return _WRITING[form](exported)


def _odcs(exported: Exported) -> str:
    from mesh.cli.console import warn
    from mesh.contracts.odcs.converting import moved
    from mesh.contracts.odcs.writing import DEFAULT, VERSIONS
    from mesh.lake import Lake
    from mesh.products.odcs_document import odcs_document

    product = exported.product
    said = str(product.contract.document.get("apiVersion", "")).removeprefix("v")
    version = exported.standard or (said if said in VERSIONS else DEFAULT)
    if version not in VERSIONS:
        raise MeshError(
            f"there is no ODCS {version!r} that Mesh writes",
            where="--standard",
            hint=f"versions are {', '.join(VERSIONS)}",
        )
    made = odcs_document(
        product,
        exported.domain.manifest,
        version=version,
        table_url=Lake.of(exported.settings).table(product.id).url,
        environment=exported.settings.environment,
    )
    for path in moved(made):
        warn(f"note: ODCS {version} has no key for {path}: it is kept in customProperties")
    return _as_yaml(made)


def _odps(exported: Exported) -> str:
    from mesh.products.odps import domain_document

    return _as_yaml(domain_document(exported.domain, exported.organization))


def _json_schema(exported: Exported) -> str:
    from mesh.contracts.projections import json_schema

    return _as_json(json_schema.document(exported.product.contract))


def _arrow(exported: Exported) -> str:
    from mesh.contracts.projections import arrow_json

    return _as_json(arrow_json.document(exported.product.contract))


def _openapi(exported: Exported) -> str:
    from mesh.contracts.projections import openapi

    document = openapi.document(exported.product.contract, product=str(exported.product.id))
    return _as_json(document)


def _dbt(exported: Exported) -> str:
    from mesh.contracts.projections import dbt_model

    document = dbt_model.document(exported.product.contract, name=exported.product.id.name)
    return _as_yaml(document)


def _pandera(exported: Exported) -> str:
    from mesh.contracts.projections import pandera_module

    return pandera_module.module(exported.product.contract)


def _markdown(exported: Exported) -> str:
    from mesh.contracts.projections import markdown

    return markdown.page(
        exported.product.contract, title=str(exported.product.id), sections=_sections(exported)
    )


def _sections(exported: Exported) -> Mapping[str, Iterable[str]]:
    """What of the product and its domain a reader of the contract wants to know."""
    product, manifest = exported.product, exported.domain.manifest
    team, contact, terms = manifest.team, manifest.contact, manifest.terms
    share = product.on_violation.tolerance
    return {
        "Service levels": [
            f"Freshness: within {product.freshness.within}" if product.freshness else "",
            f"Schedule: {product.schedule} (UTC)" if product.schedule else "",
            f"Retention: {product.retention}" if product.retention else "",
            f"At most {share:.2%} of rows are rejected" if share else "No row breaks a rule",
        ],
        "Terms": [
            f"Access: {product.access}",
            terms.usage,
            terms.limitations,
            f"Deprecated after {product.deprecated}" if product.deprecated else "",
            f"Successor: {product.successor}" if product.successor else "",
        ],
        "Owner": [
            f"{team.name}, of the domain {manifest.name}: {manifest.purpose}",
            f"Product owner: {team.product_owner.name}",
            ", ".join(filter(None, (contact.email, contact.channel))),
        ],
        "Versions": exported.history,
    }


def _as_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n"


def _as_yaml(document: Mapping[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return text


_WRITING: Mapping[Form, Callable[[Exported], str]] = {
    Form.ODCS: _odcs,
    Form.ODPS: _odps,
    Form.JSON_SCHEMA: _json_schema,
    Form.ARROW: _arrow,
    Form.DBT: _dbt,
    Form.PANDERA: _pandera,
    Form.OPENAPI: _openapi,
    Form.MARKDOWN: _markdown,
}
