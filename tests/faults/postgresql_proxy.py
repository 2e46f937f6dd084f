"""A way to PostgreSQL on which the answer to a commit is lost: done, and never heard of.

Owns the socket between a client and the server. Everything else passes as it is.
"""

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_SOCKET = ".s.PGSQL.5432"
_COMMIT = b"COMMIT"


@dataclass
class Forgetful:
    """Loses the answers to the next `losing` commits."""

    behind: Path
    home: Path
    losing: int = 0
    lost: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def accept(self, listener: socket.socket) -> None:
        """Serve clients until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.behind / _SOCKET))
                forgotten = threading.Event()
                for target in (
                    lambda c=client, s=server, f=forgotten: self._ask(c, s, f),
                    lambda c=client, s=server, f=forgotten: self._answer(s, c, f),
                ):
                    threading.Thread(target=target, daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, is_lost: threading.Event) -> None:
        with suppress(OSError):
            while sent := client.recv(65_536):
                if _COMMIT in sent and self._loses():
                    is_lost.set()
                server.sendall(sent)
        server.close()

    def _answer(self, server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while answered := server.recv(65_536):
                if lost.is_set():  # the server answers when it is done
                    break
                client.sendall(answered)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        client.close()

    def _loses(self) -> bool:
        with self.lock:
            if not self.losing:
                return False
            self.losing, self.lost = self.losing - 1, self.lost + 1
            return True


@contextmanager
def forgetful(behind: Path) -> Iterator[Forgetful]:
    """A forgetful way to the server whose socket is in a folder."""
    home = Path(tempfile.mkdtemp(prefix="mesh-pg-"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / _SOCKET))
        listener.listen()
        way = Forgetful(behind, home)
        threading.Thread(target=way.accept, args=(listener,), daemon=True).start()
        try:
            yield way
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            shutil.rmtree(home)
