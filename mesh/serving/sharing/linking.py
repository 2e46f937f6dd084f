"""How a client gets at the files of an offer: by the server's links, or the store's signed URLs.

Owns the choice, and when links end. A link of the server is good for long, and decided about each
time: clients ask for new ones only some minutes before the end that they are told. What it leads on
to is good for a minute. Links of one minute are alike, so that signing ten thousand files is done
once a minute and not once a request.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from mesh.lake.presigned import can_sign, signed_urls
from mesh.recent import Recent
from mesh.serving.sharing.formats import quoted
from mesh.serving.sharing.grants import SIGNATURE, Grant, Signer
from mesh.serving.sharing.offers import Offer
from mesh.settings import SharingSettings

_STEP_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who is given links, by which token, and under which URL this server is asked."""

    principal: str
    token: str
    url: str


@dataclass(frozen=True, slots=True)
class Links:
    """URLs of files, as they stand in JSON, and when they end, in milliseconds since 1970.

    Each is one of the `names` between what they have in common: ten thousand are put together once,
    with all else that is told of the files.
    """

    before: bytes
    names: Sequence[bytes]
    after: bytes
    ends: int

    @property
    def urls(self) -> list[str]:
        """The URLs by themselves."""
        return [(self.before + name + self.after).decode() for name in self.names]


class Linking:
    """Makes links. Shared by threads."""

    def __init__(self, settings: SharingSettings, signer: Signer) -> None:
        self._settings = settings
        self._signer = signer
        self._signed: Recent[tuple[str, int, int], list[bytes]] = Recent(16)

    def links(
        self, offer: Offer, files: Sequence[int], kind: str, bearer: Bearer, product: str
    ) -> Links:
        """A link to each of these files of an offer, by position."""
        now = int(time.time()) // _STEP_SECONDS * _STEP_SECONDS
        ends = now + _STEP_SECONDS + self._settings.link_seconds
        if self._is_signed("store", offer):
            return Links(b"", self._by_store(offer, files, now), b"", ends * 1000)
        table_id, version = offer.scope
        grant = Grant(
            bearer.principal, bearer.token, product, kind, table_id, version, offer.digest, ends
        )
        text, signature = self._signer.sealed(grant)
        before, after = f"{quoted(bearer.url)}/files/{text}/", f"?{SIGNATURE}={signature}"
        known = offer.names
        return Links(before.encode(), [known[at] for at in files], after.encode(), ends * 1000)

    def onward(self, offer: Offer, path: str) -> str:
        """Where a link to a file leads on to: a URL that the store signed; empty for nowhere."""
        if offer.table is None or not self._is_signed("auto", offer):
            return ""
        return signed_urls(offer.table, [path], self._settings.signed_seconds)[0]

    def _is_signed(self, how: str, offer: Offer) -> bool:
        is_stored = offer.table is not None and can_sign(offer.table)
        return is_stored and self._settings.links == how

    def _by_store(self, offer: Offer, files: Sequence[int], minute: int) -> list[bytes]:
        """Signed a minute longer than is told, since they are handed out for a minute."""
        assert offer.table is not None  # noqa: S101 -- asked by the caller
        paths = offer.described.files["path"]
        seconds = self._settings.link_seconds + 2 * _STEP_SECONDS
        if len(files) < len(paths):
            return _quoted(signed_urls(offer.table, [paths[at] for at in files], seconds))
        key = (offer.table.url, offer.described.version, minute)
        found = self._signed.find(key)
        if found is None:
            signed = _quoted(signed_urls(offer.table, paths.to_list(), seconds))
            found = self._signed.keep(key, signed)
        return [found[at] for at in files]


def _quoted(urls: Sequence[str]) -> list[bytes]:
    return [quoted(url).encode() for url in urls]
