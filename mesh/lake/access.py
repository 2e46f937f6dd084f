"""One way to reach the store, in the words of each of the three libraries that do.

Owns the translation of storage options, timeouts, retries and credentials for delta-rs, Polars and
obstore, so that what one of them may do and waits for, all may and do. Finds no credentials by
itself: that is `mesh.lake.credentials`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mesh.errors import StorageError
from mesh.lake.credentials import Credentials, credentials_for

OWN_OPTIONS = frozenset({"profile", "role", "ca_bundle", "retry_seconds", "request_seconds"})
"""Options that are Mesh's own words, beside those of the store."""
_ALIASES = {"aws_allow_http": "allow_http"}
_OF_CLIENTS = frozenset(
    {"allow_http", "allow_invalid_certificates", "proxy_url", "timeout", "connect_timeout"}
)
_FRESH_FOR = timedelta(minutes=5)
_FIRST_WAIT_MS = 100
_LONGEST_WAIT_MS = 5_000
_UNCOUNTED = 1_000
"""Retries are bounded by their time alone."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a store: options with lower-case names, and the credentials to add to them."""

    options: Mapping[str, str] = field(repr=False)
    credentials: Credentials | None
    retry_seconds: float
    max_retries: int

    @classmethod
    def of(cls, url: str, options: Mapping[str, str]) -> Access:
        """The way to a URL. Raises StorageError when its credentials cannot be found."""
        named = {name.lower(): value for name, value in options.items()}
        named = {_ALIASES.get(name, name): value for name, value in named.items()}
        own = {name: named.pop(name) for name in OWN_OPTIONS if name in named}
        credentials = credentials_for(url, named, own)
        if credentials is not None and credentials.region:
            named.setdefault("aws_region", credentials.region)
        named.setdefault("timeout", f"{_number('request_seconds', own, url, 30)}s")
        return cls(
            named,
            credentials,
            _number("retry_seconds", own, url, 60),
            int(_number("max_retries", named, url, _UNCOUNTED)),
        )

    @property
    def delta(self) -> dict[str, str]:
        """Storage options of delta-rs. Credentials in them are those of now."""
        current = self.credentials.now() if self.credentials else {}
        return {
            **self.options,
            **current,
            "max_retries": str(self.max_retries),
            "retry_timeout": f"{self.retry_seconds}s",
            "backoff_config.init_backoff": f"{_FIRST_WAIT_MS}ms",
            "backoff_config.max_backoff": f"{_LONGEST_WAIT_MS}ms",
        }

    @property
    def polars(self) -> dict[str, Any]:
        """Arguments of Polars' scans, which ask for credentials when theirs have aged."""
        options = {
            **self.options,
            "max_retries": self.max_retries,
            "retry_timeout_ms": int(self.retry_seconds * 1000),
            "retry_init_backoff_ms": _FIRST_WAIT_MS,
            "retry_max_backoff_ms": _LONGEST_WAIT_MS,
        }
        credentials = self.credentials
        if credentials is None:
            return {"storage_options": options, "credential_provider": None}

        def fresh() -> tuple[dict[str, str], int]:
            return credentials.now(), int((datetime.now(UTC) + _FRESH_FOR).timestamp())

        return {"storage_options": options, "credential_provider": fresh}

    @property
    def obstore(self) -> dict[str, Any]:
        """Arguments of obstore's `from_url`."""
        client = {n: v for n, v in self.options.items() if n in _OF_CLIENTS}
        arguments: dict[str, Any] = {
            "config": {
                n: v for n, v in self.options.items() if n not in client and n != "max_retries"
            },
            "client_options": client,
            "retry_config": {
                "max_retries": self.max_retries,
                "retry_timeout": timedelta(seconds=self.retry_seconds),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=_FIRST_WAIT_MS),
                    "max_backoff": timedelta(milliseconds=_LONGEST_WAIT_MS),
                    "base": 2,
                },
            },
        }
        if (credentials := self.credentials) is not None:

            def fresh() -> dict[str, Any]:
                now = credentials.now()
                return {
                    "access_key_id": now["aws_access_key_id"],
                    "secret_access_key": now["aws_secret_access_key"],
                    "token": now.get("aws_session_token"),
                    "expires_at": datetime.now(UTC) + _FRESH_FOR,
                }

            arguments["credential_provider"] = fresh
        return arguments


def _number(name: str, options: Mapping[str, str], url: str, default: float) -> float:
    try:
        return float(options.get(name, default))
    except ValueError:
        raise StorageError(
            f"{name} is {options[name]!r}, which is no number", where=url, hint="give a number"
        ) from None
