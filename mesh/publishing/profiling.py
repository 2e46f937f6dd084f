"""The profile of one publication: measured while its rows stream, kept beside the table.

Owns whether there is one, and the file that it is kept in: written before the commit, as contracts
are, and deleted when nothing comes of the publication. It is of the rows that were accepted now,
not of the whole table.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from mesh.catalog.profiles_in_lake import forget_profiles, keep_profile
from mesh.catalog.receipts import Receipt
from mesh.contracts.arrow import arrow_schema
from mesh.contracts.model import Contract
from mesh.contracts.profiling.measuring import Measures
from mesh.contracts.profiling.profile import Profile
from mesh.lake import Table
from mesh.naming import ProductId
from mesh.publishing.stage import Stage
from mesh.settings import PublishingSettings


@dataclass(slots=True)
class Profiling:
    """The measures of every thread. Of guarded columns no value is looked at."""

    contract: Contract
    _found: list[Measures] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(
        cls, product: ProductId, contract: Contract, settings: PublishingSettings
    ) -> Profiling | None:
        """How a product's publications are measured; None when they are not to be."""
        is_wanted = settings.profiles and str(product) not in settings.unprofiled
        return cls(contract) if is_wanted else None

    def measures(self) -> Measures:
        """Those of one more thread."""
        found = Measures(arrow_schema(self.contract), self.contract.guarded_columns)
        with self._lock:
            self._found.append(found)
        return found

    @property
    def profile(self) -> Profile:
        """What the threads found, together. Asked for once, when they have ended."""
        first, *others = self._found or [self.measures()]
        for other in others:
            first.merge(other)
        return first.profile


@dataclass(slots=True)
class KeptProfile:
    """A publication's profile in the lake, which goes when its rows do."""

    table: Table
    publication: str
    stage: Stage
    _profile: Profile | None = None
    _is_settled: bool = False

    def keep(self, profile: Profile) -> None:
        """Write it, before the commit."""
        self._profile = profile
        keep_profile(self.table, self.publication, profile)

    def settle(self, receipt: Receipt) -> Receipt:
        """The receipt with its profile: it stays. One of an attempt that was first has its own."""
        self._is_settled = True
        return receipt if receipt.is_repeated else receipt.with_profile(self._profile)

    def discard(self) -> None:
        """Delete it, unless a version shows the rows, or may come to show them."""
        if self._profile is None or self._is_settled or self.stage.is_kept:
            return
        forget_profiles(self.table, [self.publication])
