"""Which requests are the same, for whoever keeps what was decided of them.

Owns the keys: everything that goes into a decision is in them.
"""

from __future__ import annotations

from collections.abc import Hashable

from mesh.access.agreed_rows import ROWS
from mesh.access.model import Agreement, Ask, Port, Principal
from mesh.contracts.model import Contract

MOST = 4_096
"""Decisions that are kept."""
_DIGESTS: dict[int, tuple[Contract, str]] = {}


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
