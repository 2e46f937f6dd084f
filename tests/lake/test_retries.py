"""A store that throttles or fails for a while is asked again; one that keeps at it ends clearly."""

import time

import polars as pl
import pytest

from mesh.errors import StoreUnavailableError, Transient
from mesh.lake import Lake
from tests.behaviour.products import orders, product, publish_small, rows_of
from tests.behaviour.proxy import Answer, error, proxied

PATIENCE = 0.5
SLOW_DOWN = error(503, "SlowDown", "Reduce your request rate.")
FAULTS = {
    "throttled": SLOW_DOWN,
    "throttled otherwise": error(429, "TooManyRequests", "Too many requests."),
    "failing": error(500, "InternalError", "We encountered an internal error."),
    "cut": Answer(0, is_lost=True),
}


class Faulty:
    """Answers with a fault in the store's place, each request once, or while it `is_down`."""

    def __init__(self, fault: Answer) -> None:
        self.fault = fault
        self.is_down = False
        self.failed: set[tuple[str, str]] = set()
        self.asked = 0

    def __call__(self, request, ask):
        self.asked += 1
        known = (request.method, request.path)
        if self.is_down or known not in self.failed:
            self.failed.add(known)
            return self.fault
        return ask(request)


@pytest.mark.parametrize("fault", [f for f in FAULTS if f != "cut"])
def test_a_publication_and_a_read_outlast_a_store_that_refuses_every_request_once(bucket, fault):
    with proxied(bucket.endpoint, Faulty(FAULTS[fault])) as endpoint:
        lake, declared = bucket.at(endpoint).lake(), product()
        publish_small(declared, orders([(1, "DE", 1.0)]), lake, "run")
        assert rows_of(declared, lake) == [(1, "DE", 1.0)]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_store_that_stays_away_is_an_error_that_a_retry_may_mend(moto, fault):
    faulty = Faulty(FAULTS[fault])
    with proxied(moto.endpoint, faulty) as endpoint:
        bucket = moto.at(endpoint)
        lake = Lake(bucket.lake().url, {**bucket.options, "retry_seconds": str(PATIENCE)})
        table, faulty.is_down = lake.table(product().id), True
        for ask in (table.version, lambda: table.store.read("x"), lambda: list(table.store.list())):
            faulty.asked, begun = 0, time.monotonic()
            with pytest.raises(StoreUnavailableError) as raised:
                ask()
            assert faulty.asked > 1
            assert time.monotonic() - begun < 20 * PATIENCE
            assert isinstance(raised.value, Transient)
            assert "RETRY_SECONDS" in raised.value.hint
            assert "\n" not in raised.value.what


def test_readers_wait_as_long_as_writers(moto):
    faulty = Faulty(SLOW_DOWN)
    with proxied(moto.endpoint, faulty) as endpoint:
        bucket = moto.at(endpoint)
        lake = Lake(bucket.lake().url, {**bucket.options, "retry_seconds": str(PATIENCE)})
        publish_small(product(), orders([(1, "DE", 1.0)]), lake, "run")
        rows = lake.table(product().id).scan()
        faulty.is_down, begun = True, time.monotonic()
        with pytest.raises((OSError, pl.exceptions.ComputeError)):
            rows.collect()

    assert PATIENCE / 2 < time.monotonic() - begun < 20 * PATIENCE


def test_a_request_that_is_not_answered_ends(moto):
    def sleep(request, ask):
        time.sleep(1.5)
        return ask(request)

    with proxied(moto.endpoint, sleep) as endpoint:
        bucket = moto.at(endpoint)
        options = {**bucket.options, "retry_seconds": "0", "request_seconds": "0.3"}
        begun = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="timed out"):
            Lake(bucket.lake().url, options).table(product().id).version()

    assert time.monotonic() - begun < 1.5
