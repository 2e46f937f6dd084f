"""A catalog that is really served, on a port of this machine, by a thread of the test."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.serving.deciding import Deciding
from mesh.serving.running import listening
from mesh.settings import ServingSettings, Settings
from tests.catalog.copies import put


@dataclass(frozen=True)
class Served:
    """A served catalog: its URL, a token for everything, and the catalog behind it."""

    url: str
    token: str
    behind: Catalog
    port: int


@contextmanager
def served(database_url: str, **serving) -> Iterator[Served]:
    settings = Settings(root=Path("/nowhere"), serving=ServingSettings(port=0, **serving))
    with served_with(database_url, settings) as found:
        yield found


@contextmanager
def served_with(
    database_url: str, settings: Settings, deciding: Deciding | None = None
) -> Iterator[Served]:
    """The same with settings, and with data where something decides who sees it."""
    with (
        Catalog.open(put(database_url), patience=0) as catalog,
        listening(catalog, settings, deciding) as server,
    ):
        token = catalog.tokens.create("tests", [Scope.ADMIN], lasting=3600).secret
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            deadline = time.monotonic() + 30
            while not server.server.started and time.monotonic() < deadline:
                time.sleep(0.01)
            yield Served(server.url, token, catalog, server.listener.getsockname()[1])
        finally:
            server.stop()
            thread.join(timeout=30)
