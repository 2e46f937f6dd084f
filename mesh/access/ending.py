"""That an agreement ends soon, before it does, in words.

Owns when that is told, and the command that makes it go on. Whom it is told to is their reader's
business.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from mesh.access.model import Agreement
from mesh.access.terms import shown


def is_ending(until: datetime | None, within: timedelta, now: datetime) -> bool:
    """Whether what lasts until then is over within that time."""
    return until is not None and until <= now + within


def renewal_hint(agreement: str) -> str:
    """The command that asks for more."""
    return f"`mesh access renew {agreement}` asks for more"


def endings(agreements: Iterable[Agreement | None], within: timedelta, now: datetime) -> list[str]:
    """What whoever reads or runs under these agreements is told; each agreement once."""
    ending = (a for a in agreements if a is not None and is_ending(a.until, within, now))
    return list(
        dict.fromkeys(
            f"{a.port} is read under agreement {a.id}, which lasts until {shown(a.until)}: "
            f"{renewal_hint(a.id)}"
            for a in ending
        )
    )
