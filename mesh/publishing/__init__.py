"""The one write path: gate, stage, commit, quarantine, receipt.

Nothing reaches the lake except through `publish`. Knows nothing of Dagster and of the catalog.
"""

from mesh.publishing.publish import find_receipt, publish
from mesh.publishing.receipt import receipts_in

__all__ = ["find_receipt", "publish", "receipts_in"]
