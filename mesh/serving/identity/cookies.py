"""What a browser keeps for the server: sealed, so that nobody but the server makes or changes it.

Owns the seal, and the cookies' names and flags. A cookie of one kind is none of another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

LARGEST = 3_800
"""Bytes that every browser keeps of one cookie, its name and flags with it: 4,096."""


@dataclass(frozen=True, slots=True)
class Seal:
    """The server's key for one kind of cookie."""

    key: bytes = field(repr=False)
    kind: str

    def sealed(self, told: Mapping[str, Any]) -> str:
        """Values as a cookie's text."""
        body = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()
        text = base64.urlsafe_b64encode(body).decode().rstrip("=")
        return f"{text}.{self.derived(text)}"

    def opened(self, cookie: str, now: float) -> Mapping[str, Any] | None:
        """The values of a cookie that was sealed here and has not ended; None for any other."""
        text, _, seal = cookie.partition(".")
        is_whole = hmac.compare_digest(self.derived(text).encode(), seal.encode(errors="replace"))
        if len(cookie) > LARGEST or not is_whole:
            return None
        told: Mapping[str, Any] = json.loads(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        )
        return told if told["ends"] > now else None

    def derived(self, text: str) -> str:
        """What only the server can say of a text."""
        said = f"{self.kind}\n{text}".encode(errors="replace")
        digest = hmac.new(self.key, said, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Jar:
    """Where a server's cookies are kept: those of https are bound to its very host."""

    is_https: bool

    def name(self, kind: str) -> str:
        """What a cookie of a kind is called."""
        return f"__Host-mesh-{kind}" if self.is_https else f"mesh-{kind}"

    def put(self, answer: Response, kind: str, value: str, *, seconds: float) -> None:
        """Let a browser keep a cookie for so long; not at all for none."""
        answer.set_cookie(
            self.name(kind),
            value,
            max_age=int(seconds),
            path="/",
            secure=self.is_https,
            httponly=True,
            samesite="lax",
        )
