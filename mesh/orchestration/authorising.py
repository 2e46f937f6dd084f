"""Whether a run may be: its inputs used, and its product published.

Owns the questions that a run asks of policy before it reads anything, and what is known of inputs
there. Decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from mesh.access.deciding import Decider
from mesh.access.ending import endings
from mesh.access.model import Action, Ask, Port, Principal, PrincipalKind
from mesh.access.planning import uses
from mesh.access.registered import port_of_record
from mesh.access.tree import decider_of_run, port_of
from mesh.contracts.model import Contract
from mesh.errors import UnknownProductError
from mesh.lake import Lake
from mesh.naming import ProductId
from mesh.orchestration.workspace import Workspace
from mesh.products.collection import Organization
from mesh.products.declaration import DataProduct
from mesh.products.ports import Access, parse_duration
from mesh.publishing.contract_history import newest_receipt, published_contract
from mesh.settings import Settings

KnownPort = Callable[[ProductId], Port | None]
"""What is known of a product, if anything is."""


def require_allowed(product: DataProduct, workspace: Workspace) -> None:
    """Ask for the product to be published, and for each of its inputs.

    Raises AccessDeniedError for the first that policy refuses, and PolicyError for policies that
    cannot be asked.
    """
    decider = workspace.decider()
    decider.check(Ask(_principal(product), Action.PUBLISH, port_of(product))).require()
    require_inputs(product, decider, lambda upstream: _port(upstream, workspace))


def require_declared_inputs(
    product: DataProduct, organization: Organization, settings: Settings
) -> None:
    """Ask for each input as it is declared now, where nothing is recorded. Raises as the other."""

    def port(upstream: ProductId) -> Port | None:
        found = organization.products.get(str(upstream))
        return None if found is None else port_of(found)

    require_inputs(product, decider_of_run(settings), port)


def require_inputs(product: DataProduct, decider: Decider, known: KnownPort) -> None:
    """Ask for each input of a product. Raises as `require_allowed`."""
    for ask in _asks(product, known):
        decider.check(ask).require()


def ending_agreements(product: DataProduct, workspace: Workspace) -> list[str]:
    """What a consumer is told of agreements that its inputs are used under and that end soon.

    Raises PolicyError for policies that cannot be asked.
    """
    decider, now = workspace.decider(), datetime.now(UTC)
    within = parse_duration(workspace.settings.access.warn_before)
    asks = _asks(product, lambda upstream: _port(upstream, workspace))
    others = (ask for ask in asks if ask.port.domain != product.id.domain)
    return endings((decider.completed(ask).agreement for ask in others), within, now)


def _asks(product: DataProduct, known: KnownPort) -> Iterator[Ask]:
    """A request for each input of a product of which something is known."""
    principal = _principal(product)
    for upstream, columns, purpose in uses(product):
        port = known(upstream)
        if port is None:
            continue  # nothing is known of it: pinning says so
        names = port.contract.column_names
        wanted = names if columns is None else [name for name in columns if name in names]
        yield Ask(principal, Action.USE, port, purpose, tuple(wanted))


def _principal(product: DataProduct) -> Principal:
    """A product that is run is known: its domain's code is here."""
    return Principal(str(product.id), PrincipalKind.PRODUCT, frozenset({product.id.domain}))


def _port(upstream: ProductId, workspace: Workspace) -> Port | None:
    """What is known of an input: as it is registered, or else as it was published."""
    try:
        return port_of_record(workspace.catalog.product(str(upstream)))
    except UnknownProductError:
        contract = _published(upstream, workspace.lake)
        return Port(upstream, upstream.domain, Access.PROTECTED, contract) if contract else None


def _published(upstream: ProductId, lake: Lake) -> Contract | None:
    table = lake.home_of(upstream).table(upstream)
    snapshot = table.find()
    receipt = newest_receipt(snapshot) if snapshot is not None else None
    return published_contract(table, receipt.contract_digest) if receipt is not None else None
