"""Delta tables on object storage.

The only importer of deltalake and obstore, and the only place that knows credentials. Knows nothing
of contracts or products: it is given schemas, files and metadata, and gives back versions.
"""

from mesh.lake.lake import Lake
from mesh.lake.log import Commit
from mesh.lake.table import DataFile, Snapshot, StagedFile, Table

__all__ = ["Commit", "DataFile", "Lake", "Snapshot", "StagedFile", "Table"]
