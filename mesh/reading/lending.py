"""Short-lived credentials for a product's own files, for readers who see all of it.

Owns who is lent some, for how long at most, and the entry of the log without which nobody is. What
is lent is good until its end, so who asks has to see everything until then. How a store makes such
credentials is `mesh.lake.lending`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from mesh.access.model import Action, Ask, View
from mesh.access.reads import policies_of
from mesh.access.terms import shown
from mesh.catalog.chain import NewEntry
from mesh.errors import AccessDeniedError, StorageError
from mesh.lake import Table
from mesh.lake.lending import SHORTEST_SECONDS, Lender, LentKeys
from mesh.reading.counting import READS
from mesh.reading.credentials import TableCredentials
from mesh.reading.governed import GovernedRead
from mesh.reading.reader import Reader

CREDENTIALS = "credentials"
"""The kind of entries of the log about what was lent."""
_ON_THE_WAY = timedelta(seconds=30)
"""What STS adds by answering later than it was asked."""

Log = Callable[[Sequence[NewEntry]], object]


def lend(reader: Reader, product: str, *, log: Log, by: str = "") -> TableCredentials:
    """Credentials for the files of a product's table, which somebody sees all of.

    `log` writes entries, `by` is who lends them on somebody's behalf. They are in the log before
    they are given away.

    Raises AccessDeniedError for who does not see everything until they would end, NotLentError
    where none can be had, UnsafeStoreError, StorageError, CatalogError, and as `Reader.read`.
    """
    read = reader.read(product)
    now = datetime.now(UTC)
    with read.refusing():
        table = read.whole_table()
        end = _end(read, now + timedelta(seconds=reader.settings.lending.seconds), now)
        _require_until(reader, read, end)
    lender = Lender(reader.settings.lending.role)
    seconds = int((end - now).total_seconds())
    keys = lender.lend(table, name=reader.principal.name, seconds=seconds)
    agreement = read.view.agreement
    if agreement is not None and agreement.until is not None and keys.expires_at > agreement.until:
        what = "the store's clock is ahead: what it lends would outlive the agreement"
        raise StorageError(what, where=table.url, hint="set the clocks")
    log([_entry(reader, read, keys, by)])
    READS.note(reader.settings, read.view.port.name, read.columns, consumer=reader.principal.name)
    return _credentials(read, table, keys)


def _end(read: GovernedRead, wanted: datetime, now: datetime) -> datetime:
    """When they end: as is set, or with the agreement. Raises AccessDeniedError when too soon."""
    agreement = read.view.agreement
    if agreement is None or agreement.until is None:
        return wanted
    last = agreement.until - _ON_THE_WAY
    if last - now >= timedelta(seconds=SHORTEST_SECONDS):
        return min(wanted, last)
    raise AccessDeniedError(
        f"agreement {agreement.id} ends too soon, {shown(agreement.until)}: credentials last "
        f"{SHORTEST_SECONDS // 60} minutes at least, and nothing ends them earlier",
        where=read.view.port.name,
        hint=f"`mesh access renew {agreement.id}`; until then rows, SQL and Delta Sharing",
    )


def _require_until(reader: Reader, read: GovernedRead, end: datetime) -> None:
    """Raise AccessDeniedError unless everything is still seen when they end.

    A policy may look at the time, and the widest agreement need not be the one that lasts.
    """
    port, asked = read.view.port, reader.purpose
    ask = Ask(reader.principal, Action.READ, port, asked, now=end)
    try:
        is_whole = reader.decider.view(ask).is_whole
    except AccessDeniedError as error:
        what = f"not until credentials would end, {shown(end)}: {error.what}"
        raise AccessDeniedError(
            what, where=error.where, hint=error.hint, policies=error.policies
        ) from error
    if not is_whole:
        what = f"{reader.principal.name} does not see all of {port.name} until {shown(end)}"
        hint = "rows, SQL and Delta Sharing are decided about each time"
        raise AccessDeniedError(what, where=port.name, hint=hint)


def _entry(reader: Reader, read: GovernedRead, keys: LentKeys, by: str) -> NewEntry:
    view: View = read.view
    told = {
        "columns": list(read.columns),
        "table_version": read.version,
        "until": keys.expires_at.astimezone(UTC).isoformat(),
        "purpose": reader.purpose,
        "agreement": view.agreement.id if view.agreement else "",
        "policies": list(policies_of(view)),
        "by": by,
    }
    content = {name: value for name, value in told.items() if value not in ("", [])}
    return NewEntry(CREDENTIALS, reader.principal.name, view.port.name, content)


def _credentials(read: GovernedRead, table: Table, keys: LentKeys) -> TableCredentials:
    agreement = read.view.agreement.id if read.view.agreement else ""
    return TableCredentials(read.view.port.name, table.url, read.version, keys, agreement)
