"""`python -c …` and `python -m …`: at once, or from nothing.

Owns both. `python` is a fork of a process that has imported everything, one for each that runs tests.
A call has a folder, an environment, streams and an exit code of its own, and shares nothing with other
calls but what was imported. `cold_python` is the same as a user starts it, for what comes of starting.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

RUN_MESH = "from mesh.cli import main; main()"
_WARM = Path(__file__).with_name("warm.py")
_PATIENCE_SECONDS = 300
_AT_ITS_START = "PYTHON"
"""What Python reads before its first line, a fork reads too late; the path is seen to."""


@dataclass(frozen=True)
class _Warm:
    process: subprocess.Popen[bytes]
    channel: socket.socket

    @classmethod
    def started(cls) -> "_Warm":
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, _WARM, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        warm = cls(process, ours)
        atexit.register(warm.end)
        assert warm.hear(_PATIENCE_SECONDS) == "ready"
        return warm

    def hear(self, seconds: float) -> str:
        """The next line that it says."""
        self.channel.settimeout(seconds)
        line = b""
        while not line.endswith(b"\n"):
            heard = self.channel.recv(1)
            assert heard, f"{_WARM} is gone: {self.process.wait(_PATIENCE_SECONDS)}"
            line += heard
        return line.decode().strip()

    def tell(self, order: Mapping[str, object], streams: list[int]) -> None:
        """Order a call."""
        body = json.dumps(order).encode()
        socket.send_fds(self.channel, [len(body).to_bytes(8, "big")], streams)
        self.channel.sendall(body)

    def end(self) -> None:
        """Let it go."""
        self.channel.close()
        self.process.wait(_PATIENCE_SECONDS)


@cache
def _warm() -> _Warm:
    return _Warm.started()


def python(
    *words: str,
    cwd: Path,
    env: Mapping[str, str],
    stderr: int = subprocess.PIPE,
    timeout: float = _PATIENCE_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Call Python and wait for its end, as `subprocess.run` does.

    Args:
        words: What follows `python`: `-c` with code, or `-m` with a module, and arguments.
        cwd: The folder of the call.
        env: The whole environment of the call.
        stderr: `subprocess.STDOUT` if both streams are to be one.
        timeout: Seconds after which the call is killed.

    Raises:
        subprocess.TimeoutExpired: It did not end in time.
    """
    assert words[0] in {"-c", "-m"}, words
    late = {name for name in {*env, *os.environ} if name.startswith(_AT_ITS_START)} - {"PYTHONPATH"}
    assert all(env.get(name) == os.environ.get(name) for name in late), f"too late for {late}"
    with (
        Path(os.devnull).open("rb") as nothing,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as own_errors,
    ):
        errors = out if stderr == subprocess.STDOUT else own_errors
        order = {"words": words, "folder": str(cwd), "environment": dict(env)}
        code = _ended(order, [stream.fileno() for stream in (nothing, out, errors)], timeout)
        told = []
        for stream in (out, own_errors):
            stream.seek(0)
            told.append(stream.read().decode())
    return subprocess.CompletedProcess(words, code, *told)


def cold_python(
    *words: str,
    cwd: Path,
    env: Mapping[str, str],
    stderr: int = subprocess.PIPE,
    timeout: float = _PATIENCE_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """The same, as a process that starts from nothing and imports for itself."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )


def _ended(order: Mapping[str, object], streams: list[int], timeout: float) -> int:
    warm = _warm()
    warm.tell(order, streams)
    pid = int(warm.hear(_PATIENCE_SECONDS))
    try:
        return int(warm.hear(timeout))
    except BaseException as error:
        os.kill(pid, signal.SIGKILL)
        warm.hear(_PATIENCE_SECONDS)  # so that the next call hears of itself
        if isinstance(error, TimeoutError):
            raise subprocess.TimeoutExpired(str(order["words"]), timeout) from error
        raise
