"""From somebody who was let in to a reader of products.

Owns what every way to read over a network has in common, behind its own protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mesh.access.model import Principal
from mesh.access.reads import Audit, ReadEntry
from mesh.access.refusals import RefusalNote
from mesh.catalog.model import ProductRecord
from mesh.catalog.store import Catalog
from mesh.catalog.watching import Unchanged
from mesh.contracts.isolation.ahead import Processes
from mesh.reading.answering import Question
from mesh.reading.governed import Opening
from mesh.reading.reader import Reader
from mesh.reading.statement import names_of
from mesh.serving.deciding import Deciding
from mesh.settings import Settings


@dataclass(frozen=True, slots=True)
class Readers:
    """Makes readers of one catalog's products. Shared by threads."""

    catalog: Catalog
    deciding: Deciding
    settings: Settings
    processes: Processes = field(default_factory=Processes)
    _opening: Opening = field(init=False, repr=False, compare=False)
    _products: Unchanged[str, ProductRecord] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_opening", Opening(self.settings))
        object.__setattr__(self, "_products", Unchanged(self.catalog.stamp))

    def product(self, name: str) -> ProductRecord:
        """A product as it is registered now. Raises UnknownProductError."""
        return self._products.get(name, lambda: self.catalog.product(name))

    def of(self, principal: Principal, *, way: str, purpose: str = "") -> Reader:
        """A reader who sees what policy lets this principal see now.

        `way` is how rows leave, such as `rest`, as the log of reads tells it.
        """
        return Reader(
            principal=principal,
            purpose=purpose,
            decider=self.deciding.viewing(),
            product=self.product,
            settings=self.settings,
            audit=Way(self.deciding.audit, way),
            opening=self._opening,
        )

    def question(self, sql: str, parameters: Sequence[Any] = ()) -> Question:
        """A statement over the products that the catalog knows. Raises StatementError."""
        known = names_of(self.catalog.product_ids())
        return Question.of(sql, known, self.settings.sql, parameters)

    def close(self) -> None:
        """End the processes that wait for statements."""
        self.processes.close()


@dataclass(frozen=True, slots=True)
class Way:
    """Says of each read how it left, and of each that is refused how it would have."""

    audit: Audit
    way: str

    def require_room(self) -> None:
        """Raise CatalogError as the log does."""
        self.audit.require_room()

    def read(self, entry: ReadEntry) -> None:
        """Keep one entry."""
        self.audit.read(replace(entry, way=self.way))

    def refused(self, note: RefusalNote) -> None:
        """Keep one entry of what is refused."""
        self.audit.refused(replace(note, way=self.way))
