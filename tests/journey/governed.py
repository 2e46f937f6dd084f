"""Following the guide to governed access with its server and its four clients.

Owns what no other guide needs: a server in the background, lines for a shell, and the environment of
the stock Delta Sharing client. The guide's addresses and its id of an agreement stand for those of the
day.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.journey.walkthrough import Reader, Step, require_shown, steps
from tests.peers.peer import environment
from tests.peers.sharing.client import PYTHON as SHARING
from tests.processes.python import RUN_MESH, python

GUIDE = "docs/guides/governed-access.md"
WAYS = ("curl", "python by_adbc.py", "python by_python.py", "python by_sharing.py")
_SERVED = re.compile(r" at http://(?P<http>\S+).*Flight: grpc://(?P<flight>\S+)", re.DOTALL)
_SHELL = """
if [ -e exported ]; then . ./exported; fi
export PATH="{used}:$PATH"
{line}
code=$?
export -p > exported
exit $code
"""


@dataclass(frozen=True)
class Seen:
    """What a way of reading said to somebody."""

    said: str

    @property
    def is_refused(self) -> bool:
        """Whether it was a refusal for want of an agreement, and showed nothing."""
        plain = " ".join(re.sub(r"'\s+'", "", self.said).split())
        is_refused = "may not read operations.flights_v1: no agreement covers it" in plain
        assert is_refused != ("58665" in plain or "336776" in plain), self.said
        return is_refused

    @property
    def flights(self) -> int:
        """How many there were."""
        found = re.search(r"^(\d+) flights|\"count\":(\d+)", self.said, re.MULTILINE)
        assert found, self.said
        return int(found[1] or found[2])

    @property
    def one(self) -> dict[str, object]:
        """United's flight 1545 of New Year's Day."""
        (line,) = [line for line in self.said.splitlines() if '"origin"' in line]
        found: dict[str, object] = json.loads(line)
        return found


@contextmanager
def serving(mesh: Path) -> Iterator[dict[str, str]]:
    """`mesh serve` in a folder; gives what the guide's addresses stand for."""
    command = [sys.executable, "-u", "-c", RUN_MESH, "serve", "--port", "0"]
    server = subprocess.Popen(
        command, cwd=mesh, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert server.stdout
    try:
        said = ""
        while not (found := _SERVED.search(said)):
            line = server.stdout.readline()
            assert line, f"mesh serve ended: {said}"
            said += line
        yield {"127.0.0.1:4040": found["http"], "127.0.0.1:4041": found["flight"]}
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)


class Walk:
    """The guide, step by step."""

    def __init__(self, mesh: Path, addresses: dict[str, str]) -> None:
        self._mesh = mesh
        self._reader = Reader(mesh)
        self._stands_for = addresses
        self._port = addresses["127.0.0.1:4040"].rpartition(":")[2]
        self._steps = tuple(steps(GUIDE))

    def follow(self, until: str) -> None:
        """Do all steps from where it stands up to, and without, the first that begins so."""
        while self._steps and not self._steps[0].what.startswith(until):
            self._do(self._steps[0])
            self._steps = self._steps[1:]

    def finish(self) -> None:
        """Do what is left."""
        self.follow("\0")

    def agreement(self, holder: str) -> str:
        """The id of somebody's agreement."""
        listed = self._mesh_says("access", "list", "--json")
        (found,) = [a["id"] for a in json.loads(listed)["agreements"] if a["holder"] == holder]
        return str(found)

    def sees(self, who: str) -> dict[str, Seen]:
        """What somebody sees by each of the guide's ways to read."""
        lines = [step.what for step in steps(GUIDE) if step.act == "run"]
        export = f"export WHO={who}; " + next(x for x in lines if x.startswith("export TOKEN"))
        curls = [line for line in lines if line.startswith("curl")][:2]
        asked = {WAYS[0]: "; echo; ".join(curls), **{way: way for way in WAYS[1:]}}
        found = {}
        for way, line in asked.items():
            done = self._shell(f"{export}\n{line}")
            found[way] = Seen(done.stdout)
        return found

    def shares(self, who: str) -> None:
        """Give a profile to somebody of whom the guide does not tell."""
        self._mesh_says("share", "profile", "--as", who)

    def exported(self) -> list[dict[str, object]]:
        """The entries of the log that the guide exports."""
        lines = (self._mesh / "decisions.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def _do(self, step: Step) -> None:
        told = replace(step, what=self._of_today(step.what), body=self._of_today(step.body))
        if told.act == "run" and not told.what.startswith("mesh "):
            done = self._shell(told.what)
            assert done.returncode == 0, done.stdout
            require_shown(told.body, done.stdout, f"{GUIDE}: $ {told.what}\n{done.stdout}")
        else:
            self._reader.do(told, GUIDE, self._call)

    def _of_today(self, text: str) -> str:
        for written, meant in self._stands_for.items():
            text = text.replace(written, meant)
        return text

    def _call(
        self, *words: str, cwd: Path, env: dict[str, str], stderr: int = subprocess.PIPE
    ) -> "subprocess.CompletedProcess[str]":
        return python(*words, cwd=cwd, env={**env, "MESH_SERVING__PORT": self._port}, stderr=stderr)

    def _mesh_says(self, *words: str) -> str:
        done = self._call("-c", RUN_MESH, *words, cwd=self._mesh, env=dict(os.environ))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _shell(self, line: str) -> "subprocess.CompletedProcess[str]":
        used = SHARING if "by_sharing" in line else Path(sys.executable)
        return subprocess.run(
            ["bash", "-c", _SHELL.format(line=line, used=used.parent)],
            cwd=self._mesh,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
