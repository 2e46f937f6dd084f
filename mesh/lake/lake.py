"""The lake of one environment: where its tables are, and how to get at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mesh.lake.store import local_path
from mesh.lake.table import Table

if TYPE_CHECKING:
    from mesh.naming import ProductId
    from mesh.settings import Settings


@dataclass(frozen=True, slots=True)
class Lake:
    """The tables below one URL, with the options to reach them."""

    url: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Lake:
        """The lake of the settings' environment. Raises SettingsError."""
        settings.trust_authorities()
        return cls(settings.storage_url, settings.store_options)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine's disk."""
        return local_path(self.url) is not None

    def table(self, product: ProductId) -> Table:
        """The table of a product, whether it exists yet or not."""
        return Table(f"{self.url}/{product.table_path}", self.options)

    def quarantine(self, product: ProductId) -> Table:
        """The table of a product's rejected rows, whether it exists yet or not."""
        return Table(f"{self.url}/{product.quarantine_path}", self.options)

    def unchanged(self, product: ProductId) -> Table:
        """The table of a product's events that changed nothing, whether it exists yet or not."""
        return Table(f"{self.url}/{product.unchanged_path}", self.options)

    def tables(self, product: ProductId) -> Mapping[str, Table]:
        """Every table that a product may have, by its part in it."""
        return {
            "table": self.table(product),
            "quarantine": self.quarantine(product),
            "unchanged": self.unchanged(product),
        }
