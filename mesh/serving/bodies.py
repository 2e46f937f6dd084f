"""Bodies of requests, taken in without trust.

Owns the limits on size, before and after uncompressing, and on time. A body is never held longer
than its limit, however it is sent: in chunks, compressed, or a byte a minute.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.requests import ClientDisconnect

from mesh.serving.problems import ProblemError
from mesh.settings import ServingSettings

_GZIP = 16 + zlib.MAX_WBITS
_FORM_BYTES, _FORM_FIELDS = 4_096, 20
_DEEPEST = 200
"""Levels of nesting: deeper ones are no data, and recursion is not endless."""


async def read_json(request: Request) -> Any:
    """The body as plain values. Raises ProblemError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise ProblemError(415, "the body is no JSON", hint="Content-Type: application/json")
    limit: int = request.app.state.settings.body_bytes
    body = await _in_time(request, limit)
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProblemError(400, f"the body is not JSON: {str(error)[:200]}") from error
    if _is_deeper(content, _DEEPEST):
        raise ProblemError(400, f"the body is nested deeper than {_DEEPEST} levels")
    return content


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a small form, of each the last value. Raises ProblemError."""
    body = await _in_time(request, _FORM_BYTES)
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=_FORM_FIELDS))
    except ValueError as error:
        raise ProblemError(400, "the body is no form") from error


async def _in_time(request: Request, limit: int) -> bytes:
    """The body, when it is whole in time. Raises ProblemError."""
    settings: ServingSettings = request.app.state.settings
    try:
        async with asyncio.timeout(settings.request_seconds):
            return await _read(request, limit)
    except TimeoutError as error:
        what = f"the body took longer than {settings.request_seconds:g} s"
        raise ProblemError(408, what, headers={"connection": "close"}) from error
    except ClientDisconnect as error:
        raise ProblemError(400, "the body ended early") from error


async def _read(request: Request, limit: int) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > limit:
        raise _too_large(limit)
    if encoding == "identity":
        return await _plain(request.stream(), limit)
    if encoding in {"gzip", "x-gzip"}:
        return await _unzipped(request.stream(), limit)
    raise ProblemError(
        415, f"the body is encoded as {encoding[:40]}", headers={"accept-encoding": "gzip"}
    )


async def _plain(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


async def _unzipped(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    body, unzip = bytearray(), zlib.decompressobj(_GZIP)
    async for chunk in chunks:
        try:
            body += unzip.decompress(chunk, limit + 1 - len(body))
        except zlib.error as error:
            raise ProblemError(400, "the body is not gzip, as it says") from error
        if len(body) > limit:
            raise _too_large(limit)
    if not unzip.eof:
        raise ProblemError(400, "the body is not gzip, as it says")
    return bytes(body)


def _too_large(limit: int) -> ProblemError:
    return ProblemError(
        413,
        f"the body is larger than {limit:,} bytes",
        hint="send less at once, or raise serving.body_bytes",
        headers={"connection": "close"},
    )


def _is_deeper(content: Any, limit: int) -> bool:
    level = [content]
    for _ in range(limit):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
