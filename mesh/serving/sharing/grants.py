"""Links to files that need no token: signed, for one principal and one view, and for a while.

Owns what a link says, and that nobody but the server can make or change one. A link names no path:
a file has an id that only who has the server's key can tell, and is looked up among the files of
what the link is for. A link is a claim, not a right: whoever serves it decides again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mesh.serving.sharing.refusing import RefusedError

SIGNATURE = "X-Amz-Signature"
"""The protocol's clients know a signed URL by this name, whoever signed it."""
_KEY_BYTES = 32
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Grant:
    """What a link is for: files of a version of a product, as one view shows it.

    `kind` is `rows`, or `changes` for what a version changed. `token` is the id of the token that
    asked; empty for none. `expires` are seconds since 1970.
    """

    principal: str
    token: str
    product: str
    kind: str
    table_id: str
    version: int
    digest: str
    expires: int


class Signer:
    """Makes links and knows them again. Its key is the server's alone."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of_file(cls, file: Path) -> Signer:
        """With the key in a file that only its owner reads, made when it is not there."""
        with suppress(FileExistsError):
            file.parent.mkdir(parents=True, exist_ok=True)
            draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as opened:
                    opened.write(secrets.token_bytes(_KEY_BYTES))
                os.link(draft, file)
            finally:
                draft.unlink()
        return cls(file.read_bytes())

    def sealed(self, grant: Grant) -> tuple[str, str]:
        """A grant as text, and its signature."""
        said = json.dumps(list(asdict(grant).values()), separators=(",", ":"))
        text = base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")
        return text, self._signature(text)

    def opened(self, text: str, signature: str) -> Grant:
        """The grant of a text that this server signed. Raises RefusedError."""
        if len(text) > _LONGEST or not hmac.compare_digest(
            self._signature(text).encode(), signature.encode(errors="replace")
        ):
            raise RefusedError(403, "this link was not made here: query the table for links")
        grant = Grant(*json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
        if grant.expires <= time.time():
            raise RefusedError(403, "this link has ended: query the table again")
        return grant

    def identities(self, scope: str, files: Iterable[tuple[str, int]]) -> list[str]:
        """An id for each file, by path and size; nobody can tell the path from it, or make one."""
        inner = hmac.digest(self._key, f"file\n{scope}".encode(), "sha256")
        return [
            hmac.digest(inner, f"{size}\n{path}".encode(errors="surrogatepass"), "sha256").hex()[
                :32
            ]
            for path, size in files
        ]

    def _signature(self, text: str) -> str:
        told = f"link\n{text}".encode(errors="surrogatepass")
        return hmac.new(self._key, told, hashlib.sha256).hexdigest()
