"""Who signed in at which server: the tokens that are kept, and made good again in time.

Owns the files in which they are kept, one for each server, which their owner alone reads. A token
goes to the server that it was got for, and nowhere else.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mesh.errors import IdentityError

if TYPE_CHECKING:
    from mesh.settings import Settings

_FOLDER = "signed-in"
_SOON_SECONDS = 30.0
"""A token that ends so soon may have ended when it arrives."""


Token = str | Callable[[], str]
"""A token, or what gives the one that is good now; an empty one is none."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A sign-in at a server. `ends` are seconds since 1970; no `refresh` lets it end then."""

    url: str
    issuer: str
    client: str
    audience: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    ends: float


class SignIns:
    """The sign-ins that are kept in a folder. Shared by threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of(cls, settings: Settings) -> SignIns:
        """Those of a clone."""
        return cls(settings.path(settings.state) / _FOLDER)

    def found(self, url: str) -> Kept | None:
        """The sign-in at a server, as it was kept; None for none."""
        try:
            return Kept(**json.loads(self._file(url).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def keep(self, kept: Kept) -> None:
        """Keep a sign-in, in place of the one before."""
        file = self._file(kept.url)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            json.dump(asdict(kept), opened)
        draft.replace(file)

    def forget(self, url: str) -> Kept | None:
        """Delete a sign-in: the one that there was."""
        found = self.found(url)
        self._file(url).unlink(missing_ok=True)
        return found

    def token(self, url: str) -> str:
        """A token that is good now; empty where nobody signed in.

        Raises IdentityError when the sign-in has ended.
        """
        from mesh.catalog.remote.device import refreshed

        kept = self.found(url)
        if kept is None or kept.ends - _SOON_SECONDS > time.time():
            return kept.access if kept else ""
        with self._locked():  # a refresh token is good once: one process uses it
            kept = self.found(url)
            if kept is None or kept.ends - _SOON_SECONDS > time.time():
                return kept.access if kept else ""
            if not kept.refresh:
                raise IdentityError(
                    "your sign-in has ended", where=kept.url, hint=f"`mesh login --url {kept.url}`"
                )
            kept = refreshed(kept)
            self.keep(kept)
            return kept.access

    def _file(self, url: str) -> Path:
        from mesh.catalog.remote.client import checked_url

        name = hashlib.sha256(checked_url(url).encode()).hexdigest()[:32]
        return self._folder / f"{name}.json"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def catalog_token(settings: Settings) -> Token:
    """What a catalog by URL is asked with: the token that is set, or who signed in there."""
    url = settings.catalog_url
    if settings.catalog.token or not url.startswith(("http://", "https://")):
        return settings.catalog.token
    kept = SignIns.of(settings)
    return lambda: kept.token(url)


def server_token(settings: Settings, url: str) -> Token:
    """What a server is asked with by somebody who hands over no token: as its catalog would be.

    Raises IdentityError where nobody signed in there, and no token is set for it; what is given
    raises it when the sign-in has ended.
    """
    from mesh.catalog.remote.client import checked_url

    server, kept = checked_url(url), SignIns.of(settings)
    if settings.catalog.token and server == settings.catalog_url.rstrip("/"):
        return settings.catalog.token

    def token() -> str:
        if found := kept.token(server):
            return found
        raise IdentityError(
            "nobody signed in there",
            where=server,
            hint=f"`mesh login --url {server}`, or hand over a token of `mesh token create`",
        )

    token()
    return token
