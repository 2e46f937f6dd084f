"""Settings that every test shares, and stores, of which each is started once in a process.

Other fixtures live beside the tests that ask for them.
"""

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


def pytest_terminal_summary(terminalreporter) -> None:
    """The account of the fault suite, if it ran."""
    passed = terminalreporter.stats.get("passed", [])
    counted = total(pair for report in passed for pair in report.user_properties)
    if counted:
        terminalreporter.section("faults survived")
        for what, count in counted.items():
            terminalreporter.write_line(f"{count:>9,}  {what}")
