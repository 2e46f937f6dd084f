"""The environment of the independent judges, and the way to ask them."""

import json
import os
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
COMMANDS = FOLDER / ".venv" / "bin"


def judge(questions: list[tuple[str, Path]]) -> list[dict]:
    """What datacontract-cli finds, of each question, in one process."""
    asked = json.dumps([[verb, str(file)] for verb, file in questions])
    command = [str(command_named("python")), str(FOLDER / "judging.py")]
    done = subprocess.run(
        command,
        input=asked,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index("[{") :])


def command_named(name: str) -> Path:
    """A command of the environment, which `make test` makes."""
    command = COMMANDS / name
    if not command.exists():
        pytest.fail(f"{COMMANDS.parent} is not there: `make test` makes it")
    return command


def environment() -> dict[str, str]:
    """Without this process's own packages."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
