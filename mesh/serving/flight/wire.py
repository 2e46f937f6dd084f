"""Protocol buffers, as far as Flight SQL's messages need them.

Owns the encoding. Reads what strangers send, so whatever is not well formed is a ValueError.
Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator

_TYPES = "type.googleapis.com/arrow.flight.protocol.sql."
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST = 10
"""Bytes of a number at most."""

Value = int | bytes


class Message:
    """A message's fields by number. A field that repeats has several values."""

    def __init__(self, content: bytes) -> None:
        self._fields: dict[int, list[Value]] = {}
        for number, value in _fields(content):
            self._fields.setdefault(number, []).append(value)

    def text(self, number: int) -> str | None:
        """A text; None where there is none. Raises ValueError."""
        found = self.bytes(number)
        return None if found is None else found.decode()

    def bytes(self, number: int) -> bytes | None:
        """Bytes; None where there are none. Raises ValueError for a number."""
        found = self._fields.get(number, [None])[-1]
        if isinstance(found, int):
            raise ValueError(f"field {number} is a number")  # noqa: TRY004 -- what was sent is wrong
        return found

    def flag(self, number: int) -> bool:
        """Whether a field is set and true."""
        return bool(self._fields.get(number, [0])[-1])

    def texts(self, number: int) -> list[str]:
        """Every text of a field that repeats."""
        return [v.decode() for v in self._fields.get(number, ()) if isinstance(v, bytes)]

    def numbers(self, number: int) -> list[int]:
        """Every number of a field that repeats, packed or not."""
        found: list[int] = []
        for value in self._fields.get(number, ()):
            found += [value] if isinstance(value, int) else _packed(value)
        return found


def unpacked(content: bytes) -> tuple[str, Message]:
    """The name of a Flight SQL message that is wrapped in an `Any`, and the message.

    Raises ValueError for anything else.
    """
    wrapped = Message(content)
    url = wrapped.text(1) or ""
    if not url.startswith(_TYPES):
        raise ValueError(f"{url[:100]!r} is no message of Flight SQL")
    return url.removeprefix(_TYPES), Message(wrapped.bytes(2) or b"")


def packed(name: str, content: bytes) -> bytes:
    """A Flight SQL message, wrapped in an `Any`."""
    return field(1, (_TYPES + name).encode()) + field(2, content)


def field(number: int, value: bytes) -> bytes:
    """One field of bytes, text or a message."""
    return _number(number << 3 | _BYTES) + _number(len(value)) + value


def _number(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:  # noqa: PLR2004 -- seven bits a byte
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _fields(content: bytes) -> Iterator[tuple[int, Value]]:
    place = 0
    while place < len(content):
        tag, place = _varint(content, place)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, place = _varint(content, place)
            yield number, value
            continue
        if kind == _BYTES:
            size, place = _varint(content, place)
        else:
            size = {_FIXED64: 8, _FIXED32: 4}.get(kind, -1)
        if size < 0 or place + size > len(content):
            raise ValueError("the message is cut off, or of another kind")
        if kind == _BYTES:
            yield number, content[place : place + size]
        place += size


def _packed(content: bytes) -> list[int]:
    found, place = [], 0
    while place < len(content):
        value, place = _varint(content, place)
        found.append(value)
    return found


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = 0
    for count in range(_LONGEST):
        if place + count >= len(content):
            break
        byte = content[place + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:  # noqa: PLR2004 -- the last byte of a number
            return value, place + count + 1
    raise ValueError("the message is cut off")
