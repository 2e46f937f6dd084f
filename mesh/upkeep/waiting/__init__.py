"""What becomes of rejected rows: they are replayed, or discarded, and neither silently.

Owns the choice of rows, which of them pass by now, and the commits that let rows leave quarantine.
Rows enter a product's table through `publish`, as all rows do.
"""

from mesh.upkeep.waiting.choice import Choice
from mesh.upkeep.waiting.discard import Discard
from mesh.upkeep.waiting.history import history
from mesh.upkeep.waiting.replay import Replay, ReplayOutcome

__all__ = ["Choice", "Discard", "Replay", "ReplayOutcome", "history"]
