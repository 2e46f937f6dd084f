"""A receiver that is there while a test runs."""

import pytest

from mesh.orchestration.openlineage import courier
from tests.orchestration.openlineage.receiver import receiving


@pytest.fixture
def receiver():
    with receiving() as server:
        yield server
    courier.drain()
