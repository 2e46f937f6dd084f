"""Masks as policies write them, and which of several hides most.

Owns the words of `@mask` and their order. What a mask does to values is `mesh.access.masks`.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesh.access.model import Mask, MaskKind

_HIDING_MOST = (
    MaskKind.DROP,
    MaskKind.NULL,
    MaskKind.CONSTANT,
    MaskKind.HASH,
    MaskKind.PARTIAL,
    MaskKind.TRUNCATE,
)
_UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
"""What moments are cut to, finest first. A number is the width of a bucket."""
_WANTED = {
    MaskKind.PARTIAL: "how many characters are shown, as in partial:4",
    MaskKind.TRUNCATE: f"a unit ({', '.join(_UNITS)}) or a bucket's width, as in truncate:month",
    MaskKind.CONSTANT: "what is shown instead, as in constant:***",
}


def parse_mask(text: str) -> Mask:
    """Read `hash`, `partial:4`, `truncate:month`. Raises ValueError that says what is wrong."""
    word, colon, argument = text.partition(":")
    try:
        kind = MaskKind(word.strip())
    except ValueError:
        names = ", ".join(MaskKind)
        message = f"{word.strip()!r} is no mask: masks are {names}"
        raise ValueError(message) from None
    if kind is not MaskKind.CONSTANT:
        argument = argument.strip()
    wanted = _WANTED.get(kind)
    if bool(wanted) != bool(colon) or not _fits(kind, argument):
        message = f"{text!r} should say {wanted or 'nothing after its name'}"
        raise ValueError(message)
    return Mask(kind, argument)


def most_hiding(masks: Iterable[Mask]) -> Mask:
    """The one of several masks that hides most."""
    return min(masks, key=_rank)


def _fits(kind: MaskKind, argument: str) -> bool:
    if kind is MaskKind.PARTIAL:
        end, _, shown = argument.rpartition(":")
        return end in {"", "first", "last"} and shown.isascii() and shown.isdigit()
    if kind is MaskKind.TRUNCATE:
        return argument in _UNITS or (
            argument.isascii() and argument.isdigit() and int(argument) > 0
        )
    return kind is MaskKind.CONSTANT or not argument


def _rank(mask: Mask) -> tuple[int, int, str]:
    """Smaller hides more; arguments that hide alike are told apart by their text."""
    finer = 0
    if mask.kind is MaskKind.PARTIAL:
        finer = int(mask.argument.rpartition(":")[2])
    elif mask.kind is MaskKind.TRUNCATE:
        is_unit = mask.argument in _UNITS
        finer = -_UNITS.index(mask.argument) if is_unit else -int(mask.argument)
    return (_HIDING_MOST.index(mask.kind), finer, mask.argument)
