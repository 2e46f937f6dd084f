"""The one read path: input port, version-pinned snapshot, lazy frame.

Owns what a transform or a person is given of another product: the declared columns of one version.
"""

from mesh.reading.ended import RetiredWarning
from mesh.reading.read import read, referenced_values, rejected_rows
from mesh.reading.snapshot import PinnedInput, hand_over, pin

__all__ = [
    "PinnedInput",
    "RetiredWarning",
    "hand_over",
    "pin",
    "read",
    "referenced_values",
    "rejected_rows",
]
