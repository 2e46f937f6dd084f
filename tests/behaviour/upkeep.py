"""Upkeep as tests ask for it: a product's tables looked after as of a moment, or leftovers alone."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mesh.catalog.store import Catalog
from mesh.lake import Lake
from mesh.naming import ProductId
from mesh.products.declaration import DataProduct
from mesh.settings import PublishingSettings, Settings, UpkeepSettings
from mesh.upkeep.keeps import Held
from mesh.upkeep.maintenance import Upkeep
from mesh.upkeep.reporting import Report
from mesh.upkeep.vacuum import Vacuum

SHORT = UpkeepSettings(keep_versions=1, keep_versions_for="1h", keep_inputs_for="2d")


def remove_leftovers(
    lake: Lake,
    products: Iterable[ProductId],
    *,
    older_than: timedelta = timedelta(days=1),
    is_dry_run: bool = False,
) -> list[str]:
    """Files that crashes left in these products' tables; removed unless it is a dry run."""
    found = []
    for product in products:
        for table in (lake.table(product), lake.quarantine(product)):
            held = Held(product, {}, UpkeepSettings(), datetime.now(UTC))
            vacuum = Vacuum(table, "table", held, older_than, keepers=None)
            works = vacuum.plan() if is_dry_run else vacuum.apply()
            found += [path for work in works for path in work.paths]
    return found


class Keeper:
    """Upkeep of a lake, at any moment: versions grow old at once."""

    def __init__(self, lake: Lake, catalog: Catalog, **settings: object) -> None:
        self.lake, self.catalog = lake, catalog
        self.publishing = PublishingSettings(workers=2, batch_rows=4)
        self.upkeep = SHORT.model_copy(update=settings)

    def at(self, days: float) -> Upkeep:
        """Upkeep as it will be some days from now."""
        settings = Settings(upkeep=self.upkeep, publishing=self.publishing)
        now = datetime.now(UTC) + timedelta(days=days)
        return Upkeep(self.lake, self.catalog, settings, now=now)

    def plan(self, product: DataProduct, days: float = 0) -> Report:
        return self.at(days).plan(product.id, product)

    def apply(self, product: DataProduct, days: float = 0) -> Report:
        return self.at(days).apply(product.id, product)


def actions(report: Report, part: str = "table") -> list[str]:
    """What a report tells of, in order."""
    return [work.action for work in report.works if work.part == part]
