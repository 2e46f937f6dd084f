"""Settings that every test shares, and stores, of which each is started once in a process.

Other fixtures live beside the tests that ask for them.
"""

import gc

import pytest
from hypothesis import settings

from tests.behaviour.stores import bucket, ceph_gateway, gateway, lake, moto
from tests.faults.figures import total

__all__ = ["bucket", "ceph_gateway", "gateway", "lake", "moto"]

settings.register_profile("mesh", deadline=None, print_blob=True, derandomize=True)
# A longer search, by hand: pytest --hypothesis-profile=thorough
settings.register_profile(
    "thorough", settings.get_profile("mesh"), max_examples=3_000, derandomize=False
)
settings.load_profile("mesh")

_FULL_COLLECTIONS = 100
"""One after so many of what is younger, where Python takes ten: each looks at a million objects."""

gc.disable()  # what is imported and collected stays: a third of that time went by looking for garbage


_LONG = ("journey", "faults", "orchestration", "cli", "peers", "upkeep")
"""Folders of tests whose files take long, those with the longest first."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items) -> None:
    """Begin with files that take long, where several processes share them: all are to end together."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _place(item.nodeid))


def _place(nodeid) -> int:
    folder = nodeid.removeprefix("tests/").partition("/")[0]
    return _LONG.index(folder) if folder in _LONG else len(_LONG)


def pytest_collection_finish() -> None:
    """Look for garbage in what tests make, not in what there is before them."""
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _FULL_COLLECTIONS)
    gc.enable()


def pytest_terminal_summary(terminalreporter) -> None:
    """The account of the fault suite, if it ran."""
    passed = terminalreporter.stats.get("passed", [])
    counted = total(pair for report in passed for pair in report.user_properties)
    if counted:
        terminalreporter.section("faults survived")
        for what, count in counted.items():
            terminalreporter.write_line(f"{count:>9,}  {what}")
