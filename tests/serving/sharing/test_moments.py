"""Moments are understood in every form of the protocol, and nothing else is."""

from datetime import UTC, datetime

import pytest

from mesh.serving.sharing.moments import moment_of
from mesh.serving.sharing.refusing import RefusedError


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T12:30:00Z", datetime(2026, 1, 31, 12, 30, tzinfo=UTC)),
        ("2026-01-31 12:30:00", datetime(2026, 1, 31, 12, 30, tzinfo=UTC)),
        ("2026-1-3 1:2:3.5", datetime(2026, 1, 3, 1, 2, 3, 500_000, tzinfo=UTC)),
        ("2026-01-31T12:30:00.123456789Z", datetime(2026, 1, 31, 12, 30, 0, 123_456, tzinfo=UTC)),
        ("2026-01-31T12:30:00+02:00", datetime(2026, 1, 31, 10, 30, tzinfo=UTC)),
        ("2026-01-31T12:30:00-0230", datetime(2026, 1, 31, 15, 0, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_a_moment_is_understood(text, moment):
    assert moment_of(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-13-01",
        "2026-02-30 00:00:00",
        "2026-01-01T25:00:00Z",
        "1" * 500,
        "0001-01-01T00:00:00+14:00",
        "٢٠٢٦-01-01",
        "2026-01-01'; --",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(RefusedError):
        moment_of(text)
