"""The lake of one environment: where its tables are, and how to get at them.

Owns the way to the environments that it falls back to, whose tables are read and never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mesh.lake.store import local_path
from mesh.lake.table import Table

if TYPE_CHECKING:
    from mesh.naming import ProductId
    from mesh.settings import Settings


@dataclass(frozen=True, slots=True)
class Lake:
    """The tables below one URL, with the options to reach them.

    `fallbacks` are the lakes of the environments that products are read from which are not built
    here, nearest first.
    """

    url: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: str = ""
    fallbacks: tuple[Lake, ...] = ()
    is_fallback: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Lake:
        """The lake of the settings' environment. Raises SettingsError."""
        settings.trust_authorities()
        options = settings.store_options
        fallbacks = tuple(
            cls(settings.storage_url_of(name), options, name, is_fallback=True)
            for name in settings.fallbacks
        )
        return cls(settings.storage_url, options, settings.environment, fallbacks)

    @property
    def alone(self) -> Lake:
        """The same lake, which falls back to no other."""
        return replace(self, fallbacks=())

    def home_of(self, product: ProductId) -> Lake:
        """The lake that a product is read from: this one, or the first other that has it.

        Of a product that none has, this one.
        """
        if not self.fallbacks or self.table(product).exists():
            return self.alone
        return next((lake for lake in self.fallbacks if lake.table(product).exists()), self.alone)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine's disk."""
        return local_path(self.url) is not None

    def table(self, product: ProductId) -> Table:
        """The table of a product, whether it exists yet or not."""
        return self._table(product.table_path)

    def quarantine(self, product: ProductId) -> Table:
        """The table of a product's rejected rows, whether it exists yet or not."""
        return self._table(product.quarantine_path)

    def unchanged(self, product: ProductId) -> Table:
        """The table of a product's events that changed nothing, whether it exists yet or not."""
        return self._table(product.unchanged_path)

    def _table(self, path: str) -> Table:
        return Table(f"{self.url}/{path}", self.options, self.is_fallback)

    def tables(self, product: ProductId) -> Mapping[str, Table]:
        """Every table that a product may have, by its part in it."""
        return {
            "table": self.table(product),
            "quarantine": self.quarantine(product),
            "unchanged": self.unchanged(product),
        }
