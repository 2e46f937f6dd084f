"""Processes of their own that publish on command, and can be killed at a known moment."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import pytest

from mesh.lake import Lake
from tests.house.repository import ROOT

PATIENCE_SECONDS = 60


@dataclass(slots=True)
class Child:
    """A process that runs `tests.faults.publisher`."""

    process: subprocess.Popen[str]

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
            if select.select([out], [], [], 0.2)[0]:
                line = out.readline()
                if not line:
                    pytest.fail(f"the child is gone: {self.process.wait(PATIENCE_SECONDS)}")
                return json.loads(line)
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
