"""`mesh show`: one product, whole: who answers for it, what it promises, and how it fares.

Owns the account of a product as plain values (`describe`), from which both the JSON and the page on
the terminal are made.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session, find_product
from mesh.errors import UnknownProductError

if TYPE_CHECKING:
    from mesh.catalog.receipts import ForeignVersion, Receipt
    from mesh.catalog.store import Catalog
    from mesh.lake import Table
    from mesh.orchestration.workspace import Workspace
    from mesh.products.collection import Organization
    from mesh.products.declaration import DataProduct
    from mesh.products.service_levels import Measured

_RECEIPTS = 1_000
"""The latest publications by which service levels are measured."""


def show(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    is_profile: Annotated[
        bool,
        typer.Option(
            "--profile", help="What the rows of the latest publication look like, and what changed."
        ),
    ] = False,
) -> None:
    """Show a product: owner, contract, service levels, last publication, users, quarantine.

    And what words of the business mean in it, and what its documentation lacks.

    Of one that was retired, and whose module is gone, what the catalog knows.
    """
    from mesh.cli.console import print_json
    from mesh.cli.product_page import print_ended, print_product

    session = Session.of(context)
    organization, workspace = session.organization(), session.workspace()
    workspace.register(organization.domains)
    try:
        found = find_product(organization, product)
    except UnknownProductError:
        from mesh.cli.ended import describe_ended

        account = describe_ended(product, workspace)
        if account is None:
            raise
        print_json(account) if as_json else print_ended(account)
        return
    if is_profile:
        _show_profile(str(found.id), workspace.catalog, as_json=as_json)
        return
    account = describe(found, organization, workspace)
    print_json(account) if as_json else print_product(account)


def _show_profile(name: str, catalog: Catalog, *, as_json: bool) -> None:
    from mesh.cli.console import print_json
    from mesh.cli.profile_page import print_record, record_as_json

    found, before, *_ = [*catalog.profiles.latest(name, 2), None, None]
    if as_json:
        print_json({"product": name, **record_as_json(found, before)})
    else:
        print_record(name, found, before)


def describe(
    product: DataProduct, organization: Organization, workspace: Workspace
) -> dict[str, Any]:
    """Everything that is known about a product, as plain values."""
    from mesh.cli.lineage import lineage_as_json
    from mesh.cli.rejects import tally_of

    name = str(product.id)
    domain, catalog = organization.domain(product.id.domain), workspace.catalog
    receipt = catalog.latest_receipt(name)
    ended = catalog.retirements().get(name)
    foreign = _foreign(workspace.lake.table(product.id), receipt)
    refusal = next(iter(catalog.refusals(name, limit=1)), None)
    return {
        **product.as_json(),
        "domain": domain.name,
        "kind": str(domain.manifest.kind),
        "team": domain.manifest.team.model_dump(mode="json"),
        "contact": domain.manifest.contact.model_dump(mode="json"),
        "terms": domain.manifest.terms.model_dump(mode="json"),
        "contract": {
            **product.contract.as_json(),
            "digest": product.contract.digest,
            "key": list(product.contract.key),
        },
        "glossary": [term.linked_to(name) for term in catalog.glossary.terms_of(name)],
        "documentation": catalog.browsing.documentation(name).as_json(),
        "consumers": _movers(product, organization, catalog),
        "deprecated_inputs": [
            {"product": d.product, "deprecated": d.until.isoformat(), "successor": d.successor}
            for d in catalog.deprecations(p.product for p in product.inputs.values()).values()
        ],
        "retired": ended.as_json() if ended else None,
        "table": workspace.lake.table(product.id).url,
        "service_levels": {
            **service_levels(product, receipt, datetime.now(UTC)),
            "measured": [level.as_json() for level in _measured(product, catalog)],
        },
        "last_receipt": receipt.as_json() if receipt else None,
        "foreign_versions": [version.as_json() for version in foreign],
        "last_refusal": {
            "refused_at": refusal.refused_at,
            "run_id": refusal.run_id,
            "partition": refusal.partition,
            "reasons": list(refusal.reasons),
            "text": str(refusal),
            "verdict": refusal.verdict,
            "is_latest": receipt is None or refusal.refused_at > receipt.published_at,
        }
        if refusal
        else None,
        "lineage": {
            "up": lineage_as_json(catalog.lineage(name, "up")),
            "down": lineage_as_json(catalog.lineage(name, "down")),
        },
        "used_by": _users(product, organization, catalog),
        "expected_by": [item.as_json() for item in catalog.expectations(name)],
        "quarantine": tally_of(product.id, workspace),
    }


def _measured(product: DataProduct, catalog: Catalog) -> tuple[Measured, ...]:
    """Service levels of the contract's document, by when the product was published."""
    from mesh.products.service_levels import measured

    published = [receipt.published_at for receipt in catalog.receipts(str(product.id), _RECEIPTS)]
    return measured(product.contract, published, datetime.now(UTC))


def _users(
    product: DataProduct, organization: Organization, catalog: Catalog
) -> list[dict[str, Any]]:
    """Who declares to read the product, and who did in the last 30 days."""
    from mesh.products.deprecation import readers

    name = str(product.id)
    declared = {str(reader.id) for reader in readers(organization, name)}
    read = {use.consumer: use for use in catalog.usage.of(name)}
    silent = sorted(declared - set(read))
    return [
        *({**use.as_json(), "is_declared": use.consumer in declared} for use in read.values()),
        *({"consumer": other, "reads": 0, "is_declared": True} for other in silent),
    ]


def _movers(
    product: DataProduct, organization: Organization, catalog: Catalog
) -> list[dict[str, Any]]:
    """How far the consumers of a deprecated product are on their way to its successor."""
    from mesh.products.deprecation import movers

    if product.deprecated is None:
        return []
    before = {use.product for use in catalog.uses(str(product.id))}
    known = catalog.declared_uses(filter(None, (str(product.id), product.successor)))
    return [mover.as_json() for mover in movers(product, organization, before, known)]


def _foreign(table: Table, receipt: Receipt | None) -> tuple[ForeignVersion, ...]:
    """Versions that somebody else wrote: before the last receipt, as it says, and after it."""
    from mesh.catalog.foreign import foreign_versions

    known = receipt.table_version if receipt else -1
    snapshot = table.find()
    latest = snapshot.version if snapshot is not None else -1
    later = foreign_versions(table, after=known, until=latest) if latest > known else ()
    return (*(receipt.foreign if receipt else ()), *later)


def service_levels(product: DataProduct, receipt: Receipt | None, now: datetime) -> dict[str, Any]:
    """What is promised of the product's upkeep, and whether it is kept now.

    `is_fresh` is None where no freshness is promised; a product that was never published is not
    fresh.
    """
    promised = product.freshness
    due = receipt.published_at + promised.duration if receipt and promised else None
    return {
        "freshness": promised.within if promised else "",
        "schedule": product.schedule,
        "retention": str(product.retention) if product.retention else "",
        "tolerance": product.on_violation.tolerance,
        "published_at": receipt.published_at if receipt else None,
        "fresh_until": due,
        "is_fresh": (due is not None and now <= due) if promised else None,
    }
