"""Delivering what waits for a receiver: in order, at least once.

Owns the tries: when the next is due, and when an event that its receiver refuses is set aside. An
event leaves the queue after the receiver has taken it, so that a crash in between sends it twice.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from mesh.catalog.deliveries import Deliveries, Delivery
from mesh.orchestration.openlineage.receivers import NotTakenError, Receiver, Send

_FIRST_WAIT = 1.0
_LONGEST_WAIT = 3_600.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one pass did: events sent, and events set aside.

    `error` says why it stopped before the queue was empty.
    """

    receiver: str
    sent: int = 0
    set_aside: int = 0
    error: str = ""

    def and_then(self, later: Delivered) -> Delivered:
        """Both passes as one."""
        sent, aside = self.sent + later.sent, self.set_aside + later.set_aside
        return Delivered(self.receiver, sent, aside, later.error)


@dataclass(frozen=True, slots=True)
class Tries:
    """How often an event is tried. `is_due` says whether a try may be made before its time."""

    refusals: int
    is_due: Callable[[Delivery], bool] = lambda delivery: delivery.not_before <= datetime.now(UTC)
    holder: str = ""


def deliver(
    deliveries: Deliveries, receiver: Receiver, tries: Tries, keeps_on: Callable[[], bool]
) -> Delivered:
    """Send what waits, until nothing does, a try fails, or `keeps_on` says no.

    Raises CatalogError.
    """
    tries = replace(tries, holder=tries.holder or secrets.token_hex(8))
    done = Delivered(receiver.label)
    # What another process queued, before this one gave up its claim, was left to this one.
    while not done.error and keeps_on() and _is_anything_due(deliveries, receiver, tries):
        done = done.and_then(_claimed(deliveries, receiver, tries, keeps_on))
    return done


def _is_anything_due(deliveries: Deliveries, receiver: Receiver, tries: Tries) -> bool:
    first = deliveries.head(receiver.label)
    return first is not None and tries.is_due(first)


def _claimed(
    deliveries: Deliveries, receiver: Receiver, tries: Tries, keeps_on: Callable[[], bool]
) -> Delivered:
    """One pass over a queue, unless another process has claimed it."""
    if not deliveries.claim(receiver.label, tries.holder, _until(receiver)):
        return Delivered(receiver.label, error="another process delivers to it")
    try:
        with receiver.opened() as send:
            return _Pass(deliveries, receiver, tries, tries.holder).run(send, keeps_on)
    finally:
        deliveries.release(receiver.label, tries.holder)


@dataclass(slots=True)
class _Pass:
    """One pass over a queue that this process has claimed."""

    deliveries: Deliveries
    receiver: Receiver
    tries: Tries
    holder: str
    sent: int = 0
    aside: int = 0

    def run(self, send: Send, keeps_on: Callable[[], bool]) -> Delivered:
        while keeps_on():
            delivery = self.deliveries.head(self.receiver.label)
            if delivery is None or not self.tries.is_due(delivery):
                break
            try:
                send(delivery.event)
            except NotTakenError as error:
                if not self._is_out_of_the_way(delivery, error):
                    return self._delivered(str(error))
            else:
                if not self.deliveries.sent(delivery, self.holder, _until(self.receiver)):
                    return self._delivered("another process went on in its place")
                self.sent += 1
        return self._delivered("")

    def _is_out_of_the_way(self, delivery: Delivery, error: NotTakenError) -> bool:
        if error.is_refusal and delivery.attempts + 1 >= self.tries.refusals:
            self.deliveries.set_aside(delivery, self.holder, str(error))
            self.aside += 1
            return True
        due = datetime.now(UTC) + timedelta(seconds=wait_seconds(delivery.attempts))
        self.deliveries.failed(delivery, self.holder, str(error), due)
        return False

    def _delivered(self, error: str) -> Delivered:
        return Delivered(self.receiver.label, self.sent, self.aside, error)


def wait_seconds(attempts: int) -> float:
    """How long to wait after so many failed tries before this one: twice as long each time.

    Not quite, so that processes which failed together do not come back together.
    """
    longest: float = min(_FIRST_WAIT * 2 ** min(attempts, 20), _LONGEST_WAIT)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 -- nothing secret


def _until(receiver: Receiver) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=receiver.patience + 5)
