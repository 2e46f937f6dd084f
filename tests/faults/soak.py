"""A long trial: eight processes publish to one table, and are killed at any time.

Owns the trial that `make test` does for seconds and `make soak` for as long as it is told, in
rounds of all kinds of writing, on a disk and in a bucket. Its seed is printed; the moments of the
kills are the machine's own.
"""

import argparse
import random
import signal
import tempfile
import time
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mesh.lake import Lake
from mesh.publishing import publish, receipts_in
from tests.behaviour.gateway import ACCESS_KEY, SECRET_KEY, running
from tests.behaviour.proxy import proxied
from tests.behaviour.stores import Bucket, made
from tests.behaviour.upkeep import remove_leftovers
from tests.faults.children import Nursery, order_of
from tests.faults.outages import CutOff, Forgetful, Gone, Moody, Slow
from tests.faults.publisher import MODES, declared, numbered
from tests.house.repository import ROOT

WRITERS = 8
ROWS = 30
_LATEST_KILL_SECONDS = 0.4
_PAGE = ROOT / "docs" / "reliability.md"
_BEGIN, _END = "<!-- soak: begin -->", "<!-- soak: end -->"


class Trial:
    """One table, and what its writers were told. `counted` is the account of all rounds."""

    def __init__(self, nursery: Nursery, lake: Lake, write: str, seed: int) -> None:
        self.nursery = nursery
        self.lake = lake
        self.write = write
        self.chance = random.Random(seed)
        self.counted: Counter[str] = Counter()
        layout = {"partition_by": ["country"]} if write == "replace" else {}
        self.told = {"write": write, **layout}
        self.product = declared(self.told)
        self.spans: dict[str, tuple[int, int]] = {}
        self.acknowledged: dict[str, int] = {}

    def round(self, *, kills: int) -> None:
        """Let eight writers publish at once, and kill some of them at any time."""
        begun = {}
        for _ in range(WRITERS):
            run_id = uuid.UUID(int=self.chance.getrandbits(128)).hex[:8]
            start = len(self.spans) * ROWS
            if self.write in {"upsert", "replace"}:
                start //= 2  # half of the keys are another writer's too
            self.spans[run_id] = (start, start + ROWS)
            told = order_of(self.lake, self.told, run_id, numbers=self.spans[run_id])
            begun[run_id] = self.nursery.begin("publish", told)
        for run_id in self.chance.sample(sorted(begun), kills):
            time.sleep(self.chance.uniform(0, _LATEST_KILL_SECONDS / max(kills, 1)))
            self.nursery.kill(begun[run_id])
        for run_id, child in begun.items():
            self._note(run_id, *self.nursery.await_end(child))

    def _note(self, run_id: str, code: int, said: list[dict[str, Any]]) -> None:
        heard = next((item for item in said if item["says"] == "published"), None)
        self.counted["processes killed"] += code == -signal.SIGKILL
        if heard is not None:
            self.acknowledged[run_id] = heard["version"]
            self.counted["conflicts settled"] += heard["conflicts"]
            return
        assert code == -signal.SIGKILL or said[0].get("is_transient"), (run_id, code, said)
        self.counted["refused for conflicts, to be tried again"] += code == 0

    def retry(self) -> None:
        """Run again what was killed, under its name, as Dagster and `mesh run` do."""
        for run_id in sorted(set(self.spans) - set(self.acknowledged)):
            rows = numbered(*self.spans[run_id])
            receipt = publish(self.product, rows, lake=self.lake, run_id=run_id)
            self.acknowledged[run_id] = receipt.table_version
            self.counted["retries that found their receipt"] += receipt.is_repeated

    def settle(self) -> None:
        """Hold the table against what was acknowledged."""
        table = self.lake.table(self.product.id)
        found = [(r.run_id, r.table_version) for r in receipts_in(table)]
        assert len(found) == len(dict(found)), "a publication is in the history twice"
        assert dict(found) == self.acknowledged, "history and receipts differ"
        keys = table.scan().collect()["order_id"].to_list()
        assert len(keys) == len(set(keys)), "a key is there twice"
        assert set(keys) == self._expected(dict(found)), "rows are missing, or too many"
        remove_leftovers(self.lake, [self.product.id], older_than=timedelta(0))
        shown = {f.path for v in range(table.version() + 1) for f in table.snapshot(v).files}
        lying = {f.path for f in table.store.list() if f.path.endswith(".parquet")}
        assert {path for path in lying if "_delta_log" not in path} == shown
        self.counted["publications acknowledged, and found once"] += len(found)
        self.counted["rows acknowledged, and found"] += len(keys)

    def _expected(self, versions: dict[str, int]) -> set[int]:
        ordered = sorted(versions, key=versions.__getitem__)
        if self.write == "overwrite":
            return set(range(*self.spans[ordered[-1]]))
        if self.write != "replace":
            return {key for span in self.spans.values() for key in range(*span)}
        held: set[int] = set()
        for run_id in ordered:  # each span has rows of all three countries, and replaces them
            held = set(range(*self.spans[run_id]))
        return held


def trial(nursery: Nursery, lake: Lake, write: str, *, seed: int, kills: int) -> Counter[str]:
    """One round of a kind of writing, on a new table."""
    made = Trial(nursery, lake, write, seed)
    made.round(kills=kills)
    made.round(kills=kills)
    made.retry()
    made.settle()
    return made.counted


def outage(nursery: Nursery, endpoint: str, lake: Lake, seed: int) -> Counter[str]:
    """Two publications through a store that fails; what is not acknowledged is tried again."""
    chance = random.Random(seed)
    faults = [
        Gone(seconds=chance.choice([5, 30]), after=chance.randrange(1, 20)),
        Moody(share=0.3, seed=seed),
        Forgetful(share=0.2, seed=seed),
        Slow(seconds=0.2),
        CutOff(times=4),
    ]
    made = Trial(nursery, lake, chance.choice(sorted(MODES)), seed)
    for number, fault in enumerate(chance.sample(faults, 2)):
        with proxied(endpoint, fault) as through:
            far = Lake(lake.url, {**lake.options, "aws_endpoint_url": through})
            made.spans[str(number)] = (number * ROWS, (number + 1) * ROWS)
            told = order_of(far, made.told, str(number), numbers=made.spans[str(number)])
            code, said = nursery.await_end(nursery.begin("publish", told))
        assert code == 0, said
        if said[0]["says"] == "published":
            made.acknowledged[str(number)] = said[0]["version"]
            made.counted["outages of the store that a publication outlasted"] += 1
        made.counted["outages of the store"] += 1
    made.retry()
    made.settle()
    return made.counted


def soak(minutes: float, seed: int) -> Counter[str]:
    """Trials of all kinds until the time is over."""
    chance, counted = random.Random(seed), Counter[str]()
    until = time.monotonic() + minutes * 60
    with Nursery.opened() as nursery, running() as gateway:
        bucket = made(Bucket(gateway.endpoint, ACCESS_KEY, SECRET_KEY))
        while time.monotonic() < until:
            write, now = chance.choice(sorted(MODES)), chance.getrandbits(32)
            with tempfile.TemporaryDirectory(prefix="mesh-soak-") as folder:
                disk = Lake(folder)
                counted += trial(nursery, disk, write, seed=now, kills=chance.randrange(5))
            counted += trial(nursery, bucket.lake(), write, seed=now, kills=chance.randrange(5))
            counted += outage(nursery, bucket.endpoint, bucket.lake(), now)
            counted["rounds"] += 1
    return counted


def account(counted: Counter[str], minutes: float, seed: int) -> str:
    """The figures, as the table of `docs/reliability.md`."""
    lines = [f"| {what} | {count:,} |" for what, count in sorted(counted.items())]
    when = datetime.now(UTC).date().isoformat()
    title = f"{minutes:g} minutes on {when}, seed {seed}:"
    return "\n".join([title, "", "| what | count |", "| --- | ---: |", *lines])


def keep(figures: str, page: Path = _PAGE) -> None:
    """Put the figures into the page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    page.write_text(f"{before}{_BEGIN}\n{figures}\n{_END}{after}", encoding="utf-8")


def main() -> None:
    """Run it from the command line: `make soak`."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--minutes", type=float, default=10)
    asked.add_argument("--seed", type=int, default=int(time.time()))
    asked.add_argument("--keep", action="store_true", help="put the figures into the page")
    told = asked.parse_args()
    print(f"seed {told.seed}", flush=True)
    figures = account(soak(told.minutes, told.seed), told.minutes, told.seed)
    print(figures)
    if told.keep:
        keep(figures)


if __name__ == "__main__":
    main()
