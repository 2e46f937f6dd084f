"""Processes of this machine: whether one is still the one that it was.

Owns how that is known. The system gives the number of a process that ended to another, so that a
process is its number and when it began, in the system's own terms: a clock that is set changes
nothing.
"""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

_BEGAN = 19
"""Where /proc/PID/stat has the start, counted behind the name: field 22 of proc(5)."""
_PS_SECONDS = 5


def began(process: int) -> str:
    """When a process began, to compare with; empty where nobody tells, or no such process is."""
    if platform.system() == "Linux":
        return _from_proc(process)
    return _from_ps(process) if os.name == "posix" else ""


def is_there(process: int, since: str) -> bool:
    """Whether a process is there that began then; one that cannot be looked at is.

    `since` is what `began` said of it; empty asks for its number only.
    """
    if os.name != "posix":  # there, a signal of 0 ends it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return not since or began(process) in {"", since}


def _from_proc(process: int) -> str:
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    # The name stands in brackets, and may hold spaces and brackets itself.
    return f"{boot}:{stat.rpartition(')')[2].split()[_BEGAN]}"


def _from_ps(process: int) -> str:
    try:
        told = subprocess.run(  # noqa: S603 -- a number, and nothing from outside
            ["env", "LC_ALL=C", "TZ=UTC", "ps", "-o", "lstart=", "-p", str(process)],  # noqa: S607 -- wherever the system has it
            capture_output=True,
            text=True,
            timeout=_PS_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return " ".join(told.stdout.split())
