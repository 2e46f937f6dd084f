"""The environment of the stock client, and the way to ask it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.peers.peer import environment

FOLDER = Path(__file__).parent
PYTHON = FOLDER / ".venv" / "bin" / "python"


def ask(*questions: tuple[str, dict[str, Any]]) -> list[dict]:
    """What the client gives, question by question, in one process."""
    if not PYTHON.exists():
        pytest.fail(f"{PYTHON.parent.parent} is not there: `make test` makes it")
    done = subprocess.run(
        [str(PYTHON), str(FOLDER / "asking.py")],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
