"""Rows by their key over HTTP, asked for by many clients at once, and the decisions behind them.

Owns a mesh in which 16 analysts hold one agreement on lineitem, each of whom asks for the next row
as soon as they have the last. `mesh serve`'s own server answers by the catalog's policies and
agreements, and logs every read. Aims are budgets: no other server of rows installs here.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from benchmarks.catalog import own_postgresql
from benchmarks.harness import QUICK_RESULTS, RESULTS
from benchmarks.server import answered, serving
from benchmarks.serving import PRODUCT, publish_once
from benchmarks.workloads.lineitem import parquet, product
from mesh.access.auditing import ReadAudit
from mesh.access.model import Action, Ask
from mesh.access.registered import port_of_record
from mesh.catalog.cases import AgreementRecord
from mesh.catalog.chain import NewEntry
from mesh.catalog.decision_log import state_of
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.serving.deciding import Deciding
from mesh.settings import ServingSettings, Settings
from tests.catalog.factories import domain

CLIENTS = 16
PURPOSE = "to be measured"
AIM_MS, DECISION_AIM_MS = 20.0, 0.2
DECISIONS, ANEW = 2_000, 100
KEYS = 10_000
SECONDS = 20.0


def people() -> list[str]:
    """The analysts who ask."""
    return [f"analyst{number:02}@example.com" for number in range(CLIENTS)]


def fill(catalog: Catalog) -> None:
    """Register the product, the analysts, and the agreement that lets them read it."""
    catalog.register(domain("tpch", product()))
    told = [{"name": name, "email": name, "roles": ["analyst"]} for name in people()]
    organization = {"name": "Benchmarks", "domains": ["tpch"], "people": told}
    catalog.policies.register_organization(organization, ())
    agreed = AgreementRecord(
        id="agreed",
        product=PRODUCT,
        holder="analyst",
        purpose=PURPOSE,
        columns=None,
        since=datetime(2026, 1, 1, tzinfo=UTC),
        until=None,
        case="",
        requested_by=people()[0],
    )
    content = state_of("agreement", agreed.id, agreed.state_digest)
    catalog.agreements.change(agreed, [NewEntry("approved", "owner", PRODUCT, content)])


def asked(port: int, tokens: Sequence[str], keys: Sequence[str], seconds: float) -> list[float]:
    """Milliseconds of each answer, in the order in which they came."""
    chosen = random.Random(1)  # noqa: S311 -- the same keys each time

    def requests(token: str) -> Iterator[bytes]:
        said = f"authorization: Bearer {token}\r\nmesh-purpose: to%20be%20measured"
        head = f"HTTP/1.1\r\nhost: localhost\r\n{said}\r\n\r\n"
        while True:
            yield f"GET /v1/products/{_path()}/rows/{chosen.choice(keys)} {head}".encode()

    return answered(port, [requests(token) for token in tokens], seconds)


def _path() -> str:
    return PRODUCT.replace(".", "/")


def keys_of(scale: float, number: int = KEYS) -> list[str]:
    """Keys of rows from all over the table."""
    rows = pl.scan_parquet(parquet(scale)).select("l_orderkey", "l_linenumber").collect()
    chosen = rows.sample(number, seed=1)
    return [f"{order},{line}" for order, line in chosen.iter_rows()]


def cpu_seconds(process: int) -> float:
    """What a process has had of the processors."""
    told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured with one number of clients."""

    name: str
    times: Sequence[float]
    seconds: float
    cpu: float

    @property
    def line(self) -> str:
        """As the table has it."""
        times = sorted(self.times)
        middle, worst = statistics.median(times), times[int(len(times) * 0.99)]
        aim = f"≤ {AIM_MS:g}" + ("" if worst <= AIM_MS else ": **missed**")
        rate, each = len(times) / self.seconds, self.cpu / len(times) * 1_000
        return f"| {self.name} | {middle:.1f} | {worst:.1f} | {aim} | {rate:,.0f} | {each:.2f} |"


def measured(url: str, settings: Settings, scale: float, seconds: float) -> Iterator[Figures]:
    """One client, then all of them, on a catalog at a URL."""
    with Catalog.open(url) as catalog:
        fill(catalog)
        made = [catalog.tokens.create(name, [Scope.READ], lasting=36_000) for name in people()]
    keys, secrets = keys_of(scale), [token.secret for token in made]
    with serving(url, settings) as (port, process):
        asked(port, secrets, keys, seconds / 2)  # not counted
        for clients in (1, CLIENTS):
            before, begun = cpu_seconds(process), time.perf_counter()
            times = asked(port, secrets[:clients], keys, seconds)
            spent = time.perf_counter() - begun
            name = f"{clients} client{'s' if clients > 1 else ''}"
            yield Figures(name, times, spent, cpu_seconds(process) - before)


def decisions(url: str, settings: Settings) -> Iterator[tuple[str, float]]:
    """Milliseconds of a decision: with and without looking for the agreement, and anew."""
    with Catalog.open(url) as catalog, closing(ReadAudit(catalog)) as audit:
        deciding = Deciding.of(catalog, settings, audit)
        port = port_of_record(catalog.product(PRODUCT))
        who = deciding.principals(people()[0])
        ask = Ask(who, Action.READ, port, PURPOSE)
        found = deciding.viewing().view(ask)
        agreed = replace(ask, agreement=found.agreement)
        yield "a decision, the agreement looked up", _each(lambda: deciding.viewing().view(ask))
        yield "the same, the agreement known", _each(lambda: deciding.viewing().view(agreed))
        kinds = iter(range(ANEW + 1))

        def anew() -> object:
            return deciding.viewing().view(replace(agreed, region=f"region {next(kinds)}"))

        yield "one that was not taken before", _each(anew, ANEW)


def _each(act: Callable[[], object], times: int = DECISIONS) -> float:
    """Milliseconds of the processor that something takes, after a first time."""
    act()
    begun = time.thread_time()
    for _ in range(times):
        act()
    return (time.thread_time() - begun) / times * 1_000


def told(url: str, scale: float, seconds: float) -> Iterator[str]:
    """The page of results, line by line, as it is found."""
    unlimited = ServingSettings(port=0, token_requests_per_second=1_000_000)
    settings = publish_once(scale).model_copy(update={"serving": unlimited})
    yield "# Rows by their key"
    yield ""
    yield (
        f"A published table of lineitem at scale {scale:g}, behind `mesh serve`, beside its "
        f"clients. Each of them asks for the row of one of {KEYS:,} keys, chosen at random, as "
        "soon as it has the row before. Milliseconds; *CPU* is what the server's process takes of "
        "the processors for an answer, which other work on the machine changes least."
    )
    yield ""
    load = os.getloadavg()[0]
    yield f"{seconds:g} s each, {os.cpu_count()} cores, a load of {load:.0f} before."
    yield ""
    yield "| what | median | 99th percentile | meant to be | answers a second | CPU |"
    yield "| --- | ---: | ---: | --- | ---: | ---: |"
    for found in measured(url, settings, scale, seconds):
        yield found.line
    yield ""
    yield "| what | CPU | meant to be |"
    yield "| --- | ---: | --- |"
    for name, each in decisions(url, settings):
        aim = "" if "not taken" in name else f"≤ {DECISION_AIM_MS:g}"
        missed = ": **missed**" if aim and each > DECISION_AIM_MS else ""
        yield f"| {name} | {each:.3f} | {aim}{missed} |"


def main() -> None:
    """Measure on SQLite, or on a PostgreSQL of its own, and keep the results of a full run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the whole table; results are kept")
    parser.add_argument("--scale", type=float, help="of the data, in place of the usual one")
    parser.add_argument("--postgresql", action="store_true", help="a catalog there, to look at")
    chosen = parser.parse_args()
    scale = chosen.scale or (1.0 if chosen.full else 0.2)
    keeps = chosen.full and not chosen.scale and not chosen.postgresql
    lines = []
    with (
        tempfile.TemporaryDirectory(prefix="mesh-benchmark-") as folder,
        own_postgresql()
        if chosen.postgresql
        else nullcontext(f"sqlite:///{folder}/catalog.db") as url,
    ):
        for line in told(url, scale, SECONDS if chosen.full else SECONDS / 5):
            print(line, flush=True)
            lines.append(line)
    to = RESULTS if keeps else QUICK_RESULTS
    to.mkdir(parents=True, exist_ok=True)
    (to / "lookups.md").write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
