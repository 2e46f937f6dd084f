"""Signatures: the provider's public keys, and whether one of them signed a token.

Owns the list of algorithms that are taken: all have a public and a private key. Looks at nothing
that a token says of keys but the id of one. The only importer of joserfc.
"""

from __future__ import annotations

import base64
import binascii
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from mesh.errors import IdentityError

LONGEST_TOKEN = 16 * 1024
_LONGEST_HEAD = 1024
_LONGEST_KID = 256
_MOST_KEYS = 100
_SMALLEST_RSA = 2048
_OF_KIND = {
    "RSA": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
    "P-256": {"ES256"},
    "P-384": {"ES384"},
    "P-521": {"ES512"},
    "Ed25519": {"EdDSA", "Ed25519"},
}
_ALGORITHMS = frozenset().union(*_OF_KIND.values())
_REGISTRY = jws.JWSRegistry(algorithms=sorted(_ALGORITHMS), strict_check_header=False)


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A public key, and the algorithms that it is for."""

    key: RSAKey | ECKey | OKPKey
    algorithms: frozenset[str]


Finding = Callable[[str], Sequence[ProviderKey]]
"""The keys of an id."""


def keys_of(document: Mapping[str, Any]) -> dict[str, tuple[ProviderKey, ...]]:
    """The keys of a JWK set that sign, by their ids; others are passed over."""
    found: dict[str, tuple[ProviderKey, ...]] = {}
    listed = document.get("keys")
    for told in (listed if isinstance(listed, list) else [])[:_MOST_KEYS]:
        key = _key_of(told) if isinstance(told, dict) else None
        if key is not None:
            found[told["kid"]] = (*found.get(told["kid"], ()), key)
    return found


def signed_claims(token: str, types: Sequence[str], find: Finding) -> Mapping[str, Any]:
    """What a token says, if a key that `find` gives signed it. Raises IdentityError.

    `types` are what its `typ` may be. Nothing of it but its header is looked at before.
    """
    if len(token) > LONGEST_TOKEN or not token.isascii() or token.count(".") != 2:  # noqa: PLR2004
        raise IdentityError("the token is no signed JWT")
    head = _head(token.partition(".")[0])
    _check_type(head, types)
    kid, algorithm = head.get("kid"), head.get("alg")
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise IdentityError("the token is signed in a way that is not taken here")
    if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KID:
        raise IdentityError("the token does not say by which key it is signed (`kid`)")
    for candidate in find(kid):
        if algorithm in candidate.algorithms and (claims := _verified(token, candidate)):
            return claims
    raise IdentityError("the token's signature is not the identity provider's")


def _head(text: str) -> Mapping[str, Any]:
    try:
        padded = text + "=" * (-len(text) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise IdentityError("the token is no signed JWT") from error
    if not isinstance(found, dict) or len(text) > _LONGEST_HEAD or {"crit", "b64"} & found.keys():
        raise IdentityError("the token's header is none that is understood here")
    return found


def _check_type(head: Mapping[str, Any], types: Sequence[str]) -> None:
    told = head.get("typ", "JWT")
    kind = told.lower().removeprefix("application/") if isinstance(told, str) else ""
    if kind not in {name.lower() for name in types}:
        raise IdentityError(
            "the token says that it is of another kind (`typ`)",
            hint="`identity.token_types` lists the kinds of access tokens that are taken",
        )


def _verified(token: str, key: ProviderKey) -> Mapping[str, Any] | None:
    try:
        payload = jws.deserialize_compact(token, key.key, registry=_REGISTRY).payload
        claims = json.loads(payload)
    except (JoseError, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _key_of(told: Mapping[str, Any]) -> ProviderKey | None:
    """A key that can be used; None for one that cannot, or that does not sign."""
    kid, purposes = told.get("kid"), told.get("key_ops", ["verify"])
    if not isinstance(kid, str) or told.get("use", "sig") != "sig" or "verify" not in purposes:
        return None
    kind = "RSA" if told.get("kty") == "RSA" else told.get("crv")
    algorithms = frozenset(_OF_KIND.get(kind, ()) if isinstance(kind, str) else ())
    if "alg" in told:
        algorithms &= {told["alg"]} if isinstance(told["alg"], str) else set()
    if not algorithms:
        return None
    public = {name: told[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in told}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of short keys, which are refused below
            key = import_key(public)
            is_long = not isinstance(key, RSAKey) or key.public_key.key_size >= _SMALLEST_RSA
    except (JoseError, ValueError, TypeError):
        return None
    if isinstance(key, RSAKey | ECKey | OKPKey) and is_long:
        return ProviderKey(key, algorithms)
    return None
