"""What the fault suite counts: crashes survived, rows acknowledged and found, conflicts, outages.

Owns the account that is printed at the end of the tests and of a soak.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

PREFIX = "faults: "


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts for one test; pytest carries them to the end, also from other processes."""

    record: Callable[[str, object], None]

    def add(self, what: str, count: int) -> None:
        """Count something."""
        self.record(f"{PREFIX}{what}", count)


def total(properties: Iterable[tuple[str, object]]) -> Mapping[str, int]:
    """The counts of all tests together, by what was counted."""
    counted: Counter[str] = Counter()
    for name, value in properties:
        if name.startswith(PREFIX) and isinstance(value, int):
            counted[name.removeprefix(PREFIX)] += value
    return dict(sorted(counted.items()))
