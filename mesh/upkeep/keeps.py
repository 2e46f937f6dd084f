"""What holds a version of a table: the reasons for which its files must not be deleted.

Owns the reasons that are known here, and the shape of one: a keeper looks at what is held of a
product, and says which versions stay and why. Whoever lends out versions in another way (a share,
an agreement) hands over a keeper of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from mesh.catalog.model import Use
from mesh.naming import ProductId
from mesh.products.ports import parse_duration
from mesh.products.retention import Retention
from mesh.settings import UpkeepSettings


@dataclass(frozen=True, slots=True)
class Held:
    """A table's versions, with what is known of who needs them.

    `commits` has the time of each version; `uses` are receipts of products that were made from a
    version. A quarantine has no uses.
    """

    product: ProductId
    commits: Mapping[int, datetime]
    settings: UpkeepSettings
    now: datetime
    retention: Retention | None = None
    uses: Sequence[Use] = ()

    def replaced_since(self, moment: datetime) -> frozenset[int]:
        """Versions that were the latest at that moment, or later."""
        return frozenset(
            v for v in self.commits if v + 1 not in self.commits or self.commits[v + 1] >= moment
        )


@dataclass(frozen=True, slots=True)
class Keep:
    """Versions that stay, and why."""

    reason: str
    versions: frozenset[int]


class Keeper(Protocol):
    """Something that knows reasons to keep versions."""

    def __call__(self, held: Held) -> Iterable[Keep]:
        """The versions that stay for its sake."""


def latest(held: Held) -> Iterator[Keep]:
    """The newest versions, however old they are."""
    newest = sorted(held.commits)[-held.settings.keep_versions :]
    yield Keep("the latest", frozenset(newest))


def not_replaced_long_ago(held: Held) -> Iterator[Keep]:
    """Versions that were current a while ago: a reader, or a run, may be pinned to them still."""
    own = held.retention
    if own is not None and not own.column:
        since = own.cutoff(held.now)
        yield Keep(f"the product's retention, {own}", held.replaced_since(since))
        return
    period = held.settings.keep_versions_for
    since = held.now - parse_duration(period)
    yield Keep(f"current in the last {period}", held.replaced_since(since))


def made_into_others(held: Held) -> Iterator[Keep]:
    """Versions that other products were made from: what their receipts name can be looked up."""
    since = held.now - parse_duration(held.settings.keep_inputs_for)
    for product in sorted({use.product for use in held.uses}):
        own = [use for use in held.uses if use.product == product]
        versions = {use.version for use in own if use.is_latest or use.published_at >= since}
        yield Keep(f"{product} was made from it", frozenset(versions))


KEEPERS: tuple[Keeper, ...] = (latest, not_replaced_long_ago, made_into_others)
"""Every reason that is known here."""


def keeps_of(held: Held, keepers: Sequence[Keeper] = KEEPERS) -> list[Keep]:
    """What is kept and why, without versions that the table has not."""
    found = (keep for keeper in keepers for keep in keeper(held))
    known = frozenset(held.commits)
    return [Keep(keep.reason, keep.versions & known) for keep in found if keep.versions & known]


def safety_of(settings: UpkeepSettings) -> timedelta:
    """The age below which no file is a leftover."""
    return parse_duration(settings.leftovers_after)
