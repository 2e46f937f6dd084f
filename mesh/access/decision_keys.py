"""What was decided, kept for whoever asks the same again.

Owns which requests are the same: everything that goes into a decision is in the key. Keeps a
bounded number, the latest that were asked for.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from mesh.access.agreed_rows import ROWS
from mesh.access.model import Agreement, Ask, Port, Principal
from mesh.contracts.model import Contract

Kept = TypeVar("Kept")
MOST = 4_096
"""How many are kept."""
_DIGESTS: dict[int, tuple[Contract, str]] = {}


class KeptDecisions(Generic[Kept]):
    """Answers by request. May be shared by threads; two may come to the same answer at once."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, decide: Callable[[], Kept]) -> Kept:
        """What was decided of it, or what `decide` says now."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = decide()
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


def key_of_ask(ask: Ask) -> Hashable:
    """Everything of a request that may change what comes of it."""
    return (
        _of_principal(ask.principal),
        ask.action,
        key_of_port(ask.port),
        ask.purpose,
        ask.columns,
        ask.agreement and _of_agreement(ask.agreement),
        ask.environment,
        ask.region,
        ask.now,
    )


def _of_principal(principal: Principal) -> Hashable:
    return (
        principal.name,
        principal.kind,
        principal.domains,
        principal.roles,
        tuple(sorted((name, type(v), v) for name, v in principal.attributes.items())),
        principal.is_known,
    )


def key_of_port(port: Port) -> Hashable:
    """Everything that policies are told of a port."""
    digest = _digest_of(port.contract)
    return (port.name, port.domain, port.access, digest, *sorted(port.tags.items()))


def _digest_of(contract: Contract) -> str:
    """A contract's digest, made once: it takes longer than a decision that is kept.

    Contracts are told apart by being the same object, and are held on to so that they stay it.
    """
    known = _DIGESTS.get(id(contract))
    if known is None:
        if len(_DIGESTS) >= MOST:
            _DIGESTS.clear()
        known = _DIGESTS[id(contract)] = (contract, contract.digest)
    return known[1]


def _of_agreement(agreement: Agreement) -> Hashable:
    told = (agreement.id, agreement.purpose, agreement.columns, agreement.holder, agreement.until)
    return (*told, agreement.conditions.get(ROWS))
