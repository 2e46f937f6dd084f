"""Following a document word by word, as a reader would.

Owns what is read from it, in order: `console` blocks are run and must show what is written below
each command; a `diff` block after `<!-- edit: FILE -->` is applied; any block after
`<!-- write: FILE -->` becomes that file. Other blocks are only read. Output may be shortened: the
lines that are shown have to come, in that order. Commands are forks of one warm process, unless they are
to be started from nothing.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.house.repository import ROOT, files
from tests.processes.python import RUN_MESH, python

_BLOCK = re.compile(
    r"(?:^<!-- (?P<act>edit|write): (?P<file>\S+) -->\n)?^```(?P<language>\w*)\n(?P<body>.*?)^```",
    re.DOTALL | re.MULTILINE,
)
_VARIES = (
    (re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}"), "RUN"),
    (re.compile(r"(?<![\d.,])\d+\.\d(?!\d)"), "N.N"),
    (re.compile(r"just now|\d+ \w+ ago"), "AGO"),
)
_MAY_EXIT = {1: ("refused", "failed", "  try:"), 2: ("not to be deployed", "break the contract")}

Call = Callable[..., "subprocess.CompletedProcess[str]"]
"""`python` or `cold_python`."""


@dataclass(frozen=True)
class Step:
    """One thing that a reader does: run a command, or change a file."""

    act: str
    what: str
    body: str


def steps(document: str) -> Iterator[Step]:
    """What a document tells its reader to do."""
    for block in _BLOCK.finditer((ROOT / document).read_text(encoding="utf-8")):
        if block["act"]:
            yield Step(block["act"], block["file"], block["body"])
        elif block["language"] == "console":
            for part in re.split(r"^\$ ", block["body"], flags=re.MULTILINE)[1:]:
                command, _, shown = part.partition("\n")
                yield Step("run", command, shown)


def copy_of_the_mesh(folder: Path) -> Path:
    """The repository's files in another place, with nothing published."""
    for name in files():
        if not name.startswith(("tests/", "docs/")):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    (folder / "tests").mkdir()
    return folder


@dataclass
class Reader:
    """Somebody who does what documents say, each once, in the mesh of a folder."""

    mesh: Path
    followed: set[str] = field(default_factory=set)

    def follow(self, document: str, call: Call = python) -> None:
        """Do what a document says, unless it was done before."""
        if document in self.followed:
            return
        self.followed.add(document)
        for step in steps(document):
            self.do(step, document, call)

    def do(self, step: Step, document: str, call: Call = python) -> None:
        """Do one step."""
        if step.act == "run":
            _run(step, self.mesh, document, call)
        elif step.act == "write":
            target = self.mesh / step.what
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(step.body, encoding="utf-8")
        else:
            _edit(step, self.mesh, document)


def require_shown(body: str, output: str, told: str) -> None:
    """That an output has the lines that a document shows, in their order; `told` says of what."""
    came = iter(_normal(output))
    for line in _normal(body):
        assert any(line == found or line in found for found in came), f"{told}\nhas no line {line}"


def _run(step: Step, mesh: Path, document: str, call: Call) -> None:
    done = call(
        *_command(step.what),
        cwd=mesh,
        env=os.environ | {"PYTHONPATH": str(mesh), "COLUMNS": "160", "NO_COLOR": "1"},
        stderr=subprocess.STDOUT,
    )
    told = f"{document}: $ {step.what}\n{done.stdout}"
    is_expected = any(word in step.body for word in _MAY_EXIT.get(done.returncode, ()))
    assert done.returncode == 0 or is_expected, f"{told}\nexit code {done.returncode}"
    require_shown(step.body, done.stdout, told)


def _command(line: str) -> list[str]:
    """What Python is called with for a line; runs are kept out of Dagster, which other tests see to."""
    flat = shlex.split(line)
    if flat[0] == "pytest":
        return ["-m", "pytest", *flat[1:]]
    assert flat[0] == "mesh", f"only mesh and pytest are followed, not {line}"
    quiet = ["--no-report"] if "run" in flat else []
    return ["-c", RUN_MESH, *flat[1:], *quiet]


def _normal(text: str) -> list[str]:
    lines = []
    for line in text.splitlines():
        plain = " ".join(line.split())
        for pattern, word in _VARIES:
            plain = pattern.sub(word, plain)
        if plain.strip("─ "):
            lines.append(plain)
    return lines


def _edit(step: Step, mesh: Path, document: str) -> None:
    file = mesh / step.what
    sides = {"-": "", "+": ""}
    for line in step.body.splitlines(keepends=True):
        assert line[0] in sides, f"{document}: a diff has lines with - and +, not {line!r}"
        sides[line[0]] += line[1:]
    text = file.read_text(encoding="utf-8")
    assert text.count(sides["-"]) == 1, (
        f"{document}: {step.what} has not, or not once:\n{step.body}"
    )
    file.write_text(text.replace(sides["-"], sides["+"]), encoding="utf-8")
