"""What storage libraries raise, as one StorageError that says what, where and what to do next.

Owns the reading of their messages: S3's own error codes first, then the system's numbers. Refuses
to show what was sent or answered beyond that: requests carry credentials.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from obstore.exceptions import BaseError, PermissionDeniedError

from mesh.errors import StorageError, StorageFullError, StoreUnavailableError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_COLOUR = re.compile("\x1b\\[[0-9;]*m")
_CODE = re.compile("<Code>(.+?)</Code>", re.DOTALL)
_SAID = re.compile("<Message>(.+?)</Message>", re.DOTALL)
_STATUS = re.compile(r"\b(429|5\d\d) [A-Z][a-z]")
_ABOUT_ACCESS = ("denied", "credential", "forbidden", "permission", "privilege", "signature")
_FORBIDDEN = re.compile(r"\b403\b")
_ABOUT_CERTIFICATES = ("certificate", "unknownissuer", "tls handshake")
_ABOUT_CONNECTIONS = ("error sending request", "connection", "timed out", "timeout", "dns error")
_CHECK = "check MESH_STORAGE and MESH_STORAGE_OPTIONS__…"
_CHECK_ACCESS = "check the rights and credentials: docs/guides/object-storage.md"
_CHECK_CERTIFICATES = "name the authority's PEM file: MESH_OBJECT_STORE__CA_BUNDLE"
_WAIT = "run it again later; MESH_OBJECT_STORE__RETRY_SECONDS is how long Mesh tries by itself"
_EXPLAINED: Mapping[str, tuple[str, str]] = {
    "NoSuchBucket": ("the bucket does not exist", "make it, or change MESH_STORAGE"),
    "AccessDenied": ("access is denied", _CHECK_ACCESS),
    "InvalidAccessKeyId": ("the store does not know the access key", _CHECK_ACCESS),
    "SignatureDoesNotMatch": ("the secret key is not the access key's", _CHECK_ACCESS),
    "InvalidToken": ("the session token is not valid", _CHECK_ACCESS),
    "ExpiredToken": ("the session token has expired", _CHECK_ACCESS),
    "RequestTimeTooSkewed": ("this machine's clock is wrong", "set the clock"),
    "PermanentRedirect": ("the bucket is in another region", "set aws_region"),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", "set aws_region"),
}
_UNAVAILABLE: Mapping[str, str] = {
    "SlowDown": "the store is throttling",
    "TooManyRequests": "the store is throttling",
    "429": "the store is throttling",
    "ServiceUnavailable": "the store is not available",
    "InternalError": "the store failed",
}


@contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """Turn what storage libraries raise into StorageError with what to do next."""
    try:
        yield
    except (BaseError, OSError) as error:
        raise explained(error, where) from error


def explained(error: Exception, where: str) -> StorageError:
    """What a storage library says, in one line, with what to do next."""
    text = _COLOUR.sub("", str(error)).strip() or type(error).__name__
    number = error.errno if isinstance(error, OSError) else None
    if number in _FULL or any(f"(os error {full})" in text for full in _FULL):
        return StorageFullError("no space is left", where=where, hint="free some, and run it again")
    text = text.partition("\n\nDebug source:")[0]
    code = found[1] if (found := _CODE.search(text)) else ""
    said = found[1].strip() if (found := _SAID.search(text)) else ""
    if (status := _STATUS.search(text)) and (code in _UNAVAILABLE or code not in _EXPLAINED):
        what = _UNAVAILABLE.get(code) or _UNAVAILABLE.get(status[1], "the store failed")
        detail = said or " ".join(part for part in (status[1], code) if part)
        return StoreUnavailableError(f"{what}: {detail}", where=where, hint=_WAIT)
    if code in _EXPLAINED:
        what, hint = _EXPLAINED[code]
        return StorageError(f"{what}: {said or code}", where=where, hint=hint)
    return _otherwise(text, said, where)


def is_denial(error: StorageError) -> bool:
    """Whether the store said that access is denied, and not that something else is wrong."""
    cause = error.__cause__
    code = found[1] if (found := _CODE.search(str(cause))) else ""
    return isinstance(cause, PermissionDeniedError) or code == "AccessDenied"


def _otherwise(text: str, said: str, where: str) -> StorageError:
    """What has no code of S3's: the first line, and the last, which is the cause."""
    lines = [line.strip(" ↳") for line in text.splitlines()]
    cause = said or lines[-1]
    what = lines[0].partition(": Error performing")[0]
    what = what if cause in what or "<" in cause else f"{what}: {cause}"
    spoken = text.lower()
    if any(words in spoken for words in _ABOUT_CERTIFICATES):
        what = f"the store's certificate is not trusted: {cause}"
        return StorageError(what, where=where, hint=_CHECK_CERTIFICATES)
    if any(word in spoken for word in _ABOUT_ACCESS) or _FORBIDDEN.search(spoken):
        return StorageError(what, where=where, hint=_CHECK_ACCESS)
    if any(words in spoken for words in _ABOUT_CONNECTIONS):
        return StoreUnavailableError(what, where=where, hint=f"{_CHECK}; {_WAIT}")
    return StorageError(what, where=where, hint=_CHECK)
