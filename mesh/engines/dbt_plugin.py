"""A dbt-duckdb plugin that gives analytics engineers the published data.

Owns the loading of `source('domain', 'product_v1')` when dbt is run by hand in the dbt project: the
rows come through `mesh.read`, as everybody's do. `mesh run` does not use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from dbt.adapters.duckdb.plugins import BasePlugin

from mesh.publishing.source import source_of
from mesh.reading import read
from mesh.settings import load

if TYPE_CHECKING:
    from dbt.adapters.duckdb.utils import SourceConfig


class Plugin(BasePlugin):
    """Named in `plugins` of a profile, and in a source's `config.meta.plugin`."""

    def load(self, source_config: SourceConfig) -> Any:
        """The latest published rows of a product, as a stream of Arrow batches."""
        settings = load()
        frame = read(f"{source_config.schema}.{source_config.identifier}", settings=settings)
        source = source_of(frame, batch_rows=settings.publishing.batch_rows)
        return pa.RecordBatchReader.from_batches(source.schema, source.batches())
