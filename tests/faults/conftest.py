"""A lake on disk, and processes that publish until they are told to stop."""

import pytest

from mesh.lake import Lake
from tests.faults.children import Child, Nursery
from tests.faults.figures import Figures


@pytest.fixture
def bucket(gateway):
    """One kind of bucket is enough for a fault: the strict one."""
    return gateway


@pytest.fixture
def disk(tmp_path):
    return Lake(str(tmp_path / "lake" / "dev"))


@pytest.fixture
def start():
    """Start a child process; whatever still runs at the end is killed."""
    started = []

    def start_one(**options) -> Child:
        started.append(Child.start(**options))
        return started[-1].await_ready()

    yield start_one
    for child in started:
        child.end()


@pytest.fixture(scope="session")
def nursery():
    """Where children are forked: one a test process, since loading everything takes seconds."""
    with Nursery.opened() as opened:
        yield opened


@pytest.fixture
def figures(record_property):
    """What is counted, for the account at the end: see `tests/conftest.py`."""
    return Figures(record_property)
