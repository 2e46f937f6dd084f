"""A product as somebody sees it, for whoever runs the command.

Owns the way from a name to a governed read by the policies of the working tree and the agreements
of the catalog. It is a look at what somebody would see: it is counted as a read of whoever looks,
and only what is refused is in the log, with who looked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mesh.access.deciding import Decider
    from mesh.access.reads import LoggedLooks
    from mesh.catalog.store import Catalog
    from mesh.cli.session import Session
    from mesh.naming import ProductId
    from mesh.reading import PinnedInput
    from mesh.reading.governed import GovernedRead
    from mesh.settings import Settings


def seen_by(
    session: Session, product: ProductId, pinned: PinnedInput, *, who: str, purpose: str
) -> GovernedRead:
    """What somebody sees of a pinned version.

    Raises AccessDeniedError, PolicyError, UnknownProductError, CatalogError.
    """
    from mesh.access.model import Action, Ask, PrincipalKind
    from mesh.access.reads import telling_refusals
    from mesh.access.tree import port_of
    from mesh.cli.session import find_product
    from mesh.reading.governed import govern

    settings, organization = session.settings(), session.organization()
    decider = decider_of(session, session.workspace().catalog)
    principal = decider.directory.principal(who)
    is_product = principal.kind is PrincipalKind.PRODUCT
    port = port_of(find_product(organization, str(product)))
    ask = Ask(principal, Action.USE if is_product else Action.READ, port, purpose)
    with refusals_logged(session, way="mesh read") as log:
        with telling_refusals(log, ask):
            view = decider.view(ask)
        with telling_refusals(log, ask, view):
            return govern(pinned, view, ask=ask, settings=settings)


@contextmanager
def refusals_logged(session: Session, *, way: str) -> Iterator[LoggedLooks]:
    """Where refusals go that are met within the block, and into the log at its end."""
    from mesh.access.auditing import ReadAudit
    from mesh.access.reads import LoggedLooks
    from mesh.reading.counting import looker

    by = looker(session.settings())
    with closing(ReadAudit(session.workspace().catalog)) as audit:
        yield LoggedLooks(audit, way, by)


def warn_of_endings(reads: Iterable[GovernedRead], settings: Settings) -> None:
    """Warn of agreements that these reads are under, and that end soon."""
    from datetime import UTC, datetime

    from mesh.access.ending import endings
    from mesh.cli.console import warn
    from mesh.products.ports import parse_duration

    within = parse_duration(settings.access.warn_before)
    for line in endings((read.view.agreement for read in reads), within, datetime.now(UTC)):
        warn(line)


def decider_of(session: Session, catalog: Catalog) -> Decider:
    """The decision point: policies of the working tree, and agreements of the catalog.

    Raises PolicyError.
    """
    from mesh.access.tree import decider_of_tree

    book = catalog.agreements
    return decider_of_tree(session.settings(), session.organization(), book=book)
