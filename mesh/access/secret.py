"""The secret that hashed columns are keyed with.

Owns where it comes from: a setting, or a file of the clone's own that is made once and that nobody
else may read. Never shows it. Who has it can tell whose hash a guess makes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mesh.errors import SettingsError

if TYPE_CHECKING:
    from mesh.access.model import View
    from mesh.settings import Settings

FILE = "access-secret"
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class MaskSecret:
    """A secret, and the `id` that tells it from the one before it."""

    value: bytes = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> MaskSecret:
        """The one that is set, or else this clone's own. Raises SettingsError."""
        if settings.access.secret:
            return cls(settings.access.secret.encode())
        return cls(_kept(settings.path(settings.state) / settings.environment / FILE))

    @property
    def id(self) -> str:
        """Another one for another secret; nothing of the secret follows from it."""
        return self._derived("id").hex()[:16]

    def key_for(self, holder: str) -> bytes:
        """The key under which one holder sees hashes: see `holder_of`."""
        return self._derived(f"hash\0{holder}")

    def _derived(self, what: str) -> bytes:
        return hmac.digest(self.value, f"mesh.access/1\0{what}".encode(), "sha256")


def holder_of(view: View) -> str:
    """Whose hashes a view shows: the agreement's, and the principal's where there is none.

    An agreement that nobody wrote has the id of all such: its holder and port tell them apart.
    """
    told = view.agreement
    if told is None:
        return f"principal\0{view.principal.kind}\0{view.principal.name}"
    return f"agreement\0{told.id}\0{told.port}\0{told.holder}"


def _kept(path: Path) -> bytes:
    if not path.exists():
        _make(path)
    try:
        if path.stat().st_mode & _OTHERS:
            raise SettingsError(
                "others may read the secret of hashed columns",
                where=str(path),
                hint=f"`chmod 600 {path}`; if somebody did read it, delete it: hashes change",
            )
        found = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"the secret of hashed columns cannot be read: {error.strerror}", where=str(path)
        ) from error
    return hashlib.sha256(found).digest()


def _make(path: Path) -> None:
    """A new secret, whole or not at all; of several who make one at once, one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
