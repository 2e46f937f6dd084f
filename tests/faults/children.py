"""Processes of their own that publish on command, and can be killed at a known moment."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from mesh.lake import Lake
from tests.house.repository import ROOT

PATIENCE_SECONDS = 150


@dataclass(slots=True)
class Child:
    """A process that runs `tests.faults.publisher`."""

    process: subprocess.Popen[str]
    _unread: bytes = b""

    @classmethod
    def start(cls, module: str = "tests.faults.publisher", **options: Any) -> "Child":
        """Start it. `options` are what the module is told at its start."""
        process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(options)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        return cls(process)

    def await_ready(self) -> "Child":
        """Wait until it has loaded what it needs."""
        assert self.hear() == {"says": "ready"}
        return self

    def tell(self, lake: Lake, product: dict[str, Any], run_id: str, **data: Any) -> None:
        """Let it publish; does not wait."""
        order = {"lake": [lake.url, dict(lake.options)], "product": product, "run_id": run_id}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({**order, **data}) + "\n")

    def hear(self) -> dict[str, Any]:
        """The next thing that it says."""
        out = self.process.stdout
        assert out is not None
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            line, end, rest = self._unread.partition(b"\n")
            if end:
                self._unread = rest
                return json.loads(line)
            if select.select([out], [], [], 0.2)[0]:
                heard = os.read(out.fileno(), 1 << 16)  # `readline` would keep lines from `select`
                if not heard:
                    pytest.fail(f"the child is gone: {self.process.wait(PATIENCE_SECONDS)}")
                self._unread += heard
        return pytest.fail(f"the child said nothing in {PATIENCE_SECONDS} s")

    def await_stop(self, place: str) -> None:
        """Wait until it stands still at a place."""
        assert self.hear() == {"says": "stopped", "at": place}

    def send(self, number: signal.Signals) -> int:
        """Send it a signal and wait for its end. Returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """`kill -9`."""
        assert self.send(signal.SIGKILL) == -signal.SIGKILL

    def end(self) -> None:
        """Make sure that it is gone."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@dataclass(slots=True)
class Nursery:
    """A process that forks a child for each order: see `tests.faults.nursery`."""

    process: Child
    _begun: int = 0
    _heard: dict[int, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator["Nursery"]:
        """One that is there until the end of the block."""
        process = Child.start(module="tests.faults.nursery")
        try:
            yield cls(process.await_ready())
        finally:
            process.end()

    def begin(self, task: str, told: dict[str, Any], **how: Any) -> int:
        """Fork a child for a task; does not wait. Returns its number."""
        self._begun += 1
        order = {"child": self._begun, "task": task, "told": told, **how}
        assert self.process.process.stdin is not None
        self.process.process.stdin.write(json.dumps(order) + "\n")
        return self._begun

    def hear(self, child: int) -> dict[str, Any]:
        """The next thing that a child says."""
        while not self._heard[child]:
            said = self.process.hear()
            self._heard[said.pop("child")].append(said)
        return self._heard[child].pop(0)

    def pid(self, child: int) -> int:
        """The process of a child that has just begun."""
        said = self.hear(child)
        assert said["says"] == "begun", said
        return int(said["pid"])

    def await_end(self, child: int) -> tuple[int, list[dict[str, Any]]]:
        """How a child ended, and what it had said."""
        said = []
        while (heard := self.hear(child))["says"] != "ended":
            said.append(heard)
        return heard["code"], [item for item in said if item["says"] != "begun"]

    def kill(self, child: int) -> None:
        """Kill a child wherever it is; one that has ended by then is let alone."""
        assert self.process.process.stdin is not None
        self.process.process.stdin.write(json.dumps({"kill": child}) + "\n")

    def killed(self, task: str, told: dict[str, Any], at: tuple[str, int]) -> None:
        """Let a child begin a task and die at a step."""
        code, said = self.await_end(self.begin(task, told, die_at=at))
        assert (code, said) == (-signal.SIGKILL, []), f"{at}: {said}"

    def steps(self, task: str, told: dict[str, Any]) -> list[str]:
        """The steps of a task that a child does to its end."""
        code, said = self.await_end(self.begin(task, told, is_traced=True))
        assert code == 0, said
        return [item["step"] for item in said if item["says"] == "step"]


def order_of(lake: Lake, product: dict[str, Any], run_id: str, **data: Any) -> dict[str, Any]:
    """What a child is told that shall publish."""
    return {"lake": [lake.url, dict(lake.options)], "product": product, "run_id": run_id, **data}
