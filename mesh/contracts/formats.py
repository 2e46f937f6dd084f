"""Formats of texts: what `email`, `uuid` or `yyyy-MM-dd` means, as one regular expression.

Owns the formats that ODCS names for strings, those of JSON Schema for dates and times, and the
date patterns of Java's DateTimeFormatter. A format may also need a day to be in the calendar.
Refuses (ValueError) a format that it does not know. `password` and `binary` say how a text is to be
treated, and nothing about what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ANNOTATIONS = frozenset({"password", "binary"})
"""Formats that no text can break."""
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_H16 = r"[0-9A-Fa-f]{1,4}"
_LS32 = rf"(?:{_H16}:{_H16}|{_IPV4})"
_IPV6 = "|".join(  # RFC 3986, appendix A
    (
        rf"(?:{_H16}:){{6}}{_LS32}",
        rf"::(?:{_H16}:){{5}}{_LS32}",
        rf"(?:{_H16})?::(?:{_H16}:){{4}}{_LS32}",
        *(
            rf"(?:(?:{_H16}:){{0,{before}}}{_H16})?::(?:{_H16}:){{{after}}}{_LS32}"
            for before, after in ((1, 3), (2, 2), (3, 1), (4, 0))
        ),
        rf"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}",
        rf"(?:(?:{_H16}:){{0,6}}{_H16})?::",
    )
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DATE = r"(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"

_DAYS_LONG = r"(?:\d+Y(?:\d+M)?(?:\d+D)?|\d+M(?:\d+D)?|\d+D)"
_SECONDS_LONG = r"\d+(?:\.\d+)?S"
_HOURS_LONG = rf"(?:\d+H(?:\d+M)?(?:{_SECONDS_LONG})?|\d+M(?:{_SECONDS_LONG})?|{_SECONDS_LONG})"


@dataclass(frozen=True, slots=True)
class Format:
    """A format: what a text looks like as a whole, with no anchors.

    Where `has_date`, the groups `year`, `month` and `day` have to be a day of the calendar.
    """

    regex: str
    most_bytes: int | None = None
    has_date: bool = False


_FORMATS: Mapping[str, Format] = {
    # As HTML's <input type=email> (WHATWG), which leaves quoted local parts and comments out.
    "email": Format(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*", 320),
    "uuid": Format(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"),
    "uri": Format(
        r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*"
    ),
    "hostname": Format(rf"{_LABEL}(?:\.{_LABEL})*\.?", 253),
    "ipv4": Format(_IPV4),
    "ipv6": Format(_IPV6),
    "byte": Format(
        r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
    ),  # base64, RFC 4648
    "date": Format(_DATE, has_date=True),
    "time": Format(_TIME),
    "date-time": Format(rf"{_DATE}[Tt ]{_TIME}", has_date=True),  # RFC 3339
    "duration": Format(rf"P(?:\d+W|{_DAYS_LONG}(?:T{_HOURS_LONG})?|T{_HOURS_LONG})"),  # ISO 8601
}
NAMES = tuple(_FORMATS)
"""Formats that have a name."""
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_LONG_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
)
_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_LONG_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_JAVA: Mapping[str, str] = {
    "yyyy": r"(?<year>\d{4})", "uuuu": r"(?<year>\d{4})", "yy": r"\d\d", "uu": r"\d\d",
    "MM": r"(?<month>0[1-9]|1[0-2])", "M": "(?:[1-9]|1[0-2])",
    "MMM": f"(?:{_MONTHS})", "MMMM": f"(?:{_LONG_MONTHS})",
    "dd": r"(?<day>0[1-9]|[12]\d|3[01])", "d": r"(?:[1-9]|[12]\d|3[01])",
    "DDD": r"(?:[0-2]\d\d|3[0-5]\d|36[0-6])",
    "EEE": f"(?:{_DAYS})", "EE": f"(?:{_DAYS})", "E": f"(?:{_DAYS})", "EEEE": f"(?:{_LONG_DAYS})",
    "HH": r"(?:[01]\d|2[0-3])", "H": r"(?:1?\d|2[0-3])",
    "hh": r"(?:0[1-9]|1[0-2])", "h": "(?:[1-9]|1[0-2])", "a": "(?:AM|PM)",
    "mm": r"[0-5]\d", "m": r"[1-5]?\d", "ss": r"[0-5]\d", "s": r"[1-5]?\d",
    "X": r"(?:Z|[+-]\d\d(?:\d\d)?)", "XX": r"(?:Z|[+-]\d{4})", "XXX": r"(?:Z|[+-]\d\d:\d\d)",
    "x": r"[+-]\d\d(?:\d\d)?", "xx": r"[+-]\d{4}", "xxx": r"[+-]\d\d:\d\d", "Z": r"[+-]\d{4}",
    "z": "[A-Za-z]{1,5}", "VV": r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*",
}  # fmt: skip
_JAVA_PART = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']")


def format_of(name: str) -> Format:
    """The format of that name, or of a date pattern such as `yyyy-MM-dd`. Raises ValueError."""
    known = _FORMATS.get(name)
    if known is not None:
        return known
    if name in ANNOTATIONS:
        return Format(r"(?s:.*)")
    regex = "".join(_java_parts(name))
    groups = [f"(?<{part}>" for part in ("year", "month", "day")]
    is_date = all(regex.count(group) == 1 for group in groups)
    return Format(
        regex if is_date else re.sub(r"\(\?<(?:year|month|day)>", "(?:", regex), has_date=is_date
    )


def _java_parts(pattern: str) -> Iterator[str]:
    place = 0
    while place < len(pattern) or not pattern:
        part = _JAVA_PART.match(pattern, place)
        if part is None or (part[2] and part[0] not in _JAVA and set(part[0]) != {"S"}):
            known = ", ".join(NAMES)
            message = f"{pattern!r} is no format: they are {known}, or a date such as yyyy-MM-dd"
            raise ValueError(message)
        place = part.end()
        if part[1] is not None:
            yield re.escape(part[1].replace("''", "'") or "'")
        elif part[2]:
            yield _JAVA.get(part[0], rf"\d{{{len(part[0])}}}")
        else:
            yield re.escape(part[0])
