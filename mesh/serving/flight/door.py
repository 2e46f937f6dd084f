"""Who is let in by Flight, and how often.

Owns the way from a call's headers to its reader, and the limits, which are those of HTTP: so many
calls a second of a token, and of an address without one. A door does not know from which address a
call comes, and the call itself does: so who shows no good token is turned away there.
"""

from __future__ import annotations

import base64
import hashlib
from typing import NoReturn, Protocol

from pyarrow import flight

from mesh.reading.reader import Reader
from mesh.serving.authority import Limits
from mesh.serving.limits import Buckets
from mesh.serving.problems import ProblemError

_KEY = "authorisation"
_ANSWERED = frozenset(
    {
        flight.FlightMethod.GET_FLIGHT_INFO,
        flight.FlightMethod.GET_SCHEMA,
        flight.FlightMethod.DO_GET,
        flight.FlightMethod.DO_ACTION,
        flight.FlightMethod.LIST_ACTIONS,
        flight.FlightMethod.DO_PUT,
    }
)
"""What asks `reader_of` who calls; whatever else there may be is asked for with a good token."""


class Guests(Protocol):
    """Who knows people by their tokens."""

    def reader(self, secret: str) -> Reader | None:
        """Who shows a token; None for a token that is good for nothing."""
        ...


class _Shown(flight.ServerMiddleware):  # type: ignore[misc] # PyArrow is untyped
    """The reader that a call's token stands for; None for nobody."""

    def __init__(self, reader: Reader | None, secret: str, door: Door) -> None:
        super().__init__()
        self.reader = reader
        self.secret = secret
        self.door = door

    def sending_headers(self) -> dict[str, str]:
        """What a handshake answers: the token to show from now on."""
        return {} if self.reader is None else {"authorization": f"Bearer {self.secret}"}


class Door(flight.ServerMiddlewareFactory):  # type: ignore[misc] # PyArrow is untyped
    """Lets nobody in without a token that is good, and nobody too often."""

    def __init__(self, guests: Guests, limits: Limits) -> None:
        super().__init__()
        self._guests = guests
        self._limits = limits

    @property
    def middleware(self) -> dict[str, Door]:
        """As a server takes it."""
        return {_KEY: self}

    def start_call(self, info: flight.CallInfo, headers: dict[str, list[str]]) -> _Shown:
        """Who calls. Raises FlightUnavailableError, FlightUnauthenticatedError."""
        secret = _secret(headers)
        reader = self._guests.reader(secret) if secret else None
        if reader is not None:
            _take(self._limits.tokens, hashlib.sha256(secret.encode()).hexdigest())
        elif info.method not in _ANSWERED:
            self.refuse(secret, "")
        return _Shown(reader, secret, self)

    def refuse(self, secret: str, address: str) -> NoReturn:
        """Turn somebody away who comes from an address: for their token, or for how often."""
        _take(self._limits.addresses, address)
        what = "the token is unknown, expired or revoked" if secret else "this needs a token"
        raise flight.FlightUnauthenticatedError(
            f"{what}: `mesh token create --as YOU --scope read` makes one; show it as a bearer "
            "token, or as the password"
        )


class Handshake(flight.ServerAuthHandler):  # type: ignore[misc] # PyArrow is untyped
    """The door has let them in already."""

    def authenticate(self, _outgoing: object, _incoming: object) -> None:
        """Nothing more to show."""

    def is_valid(self, _token: bytes) -> str:
        """Everybody who got this far."""
        return ""


def reader_of(context: flight.ServerCallContext) -> Reader:
    """Who calls. Raises FlightUnauthenticatedError for nobody, and FlightUnavailableError."""
    shown: _Shown = context.get_middleware(_KEY)
    if shown.reader is None:
        shown.door.refuse(shown.secret, _host(context.peer()))
    return shown.reader


def _take(buckets: Buckets, caller: str) -> None:
    try:
        buckets.take(caller)
    except ProblemError as error:
        raise flight.FlightUnavailableError(f"{error.detail}: {error.hint}") from None


def _host(peer: str) -> str:
    """The address of a peer, which gRPC writes as `ipv4:127.0.0.1:5000`, without its port."""
    return peer.rpartition(":")[0] or peer


def _secret(headers: dict[str, list[str]]) -> str:
    """The token that is shown; empty for none."""
    shown = next(
        (v for name, values in headers.items() if name.lower() == "authorization" for v in values),
        "",
    )
    scheme, _, rest = shown.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        padded = rest.strip() + "=" * (-len(rest.strip()) % 4)  # some clients leave it out
        return base64.b64decode(padded, validate=True).decode().partition(":")[2]
    except (ValueError, UnicodeDecodeError):
        return ""
