"""A lake shared: what the routes ask, put together once for a server.

Owns no state of its own but these parts. A link is followed by deciding again: it is good as long
as the token that asked is, and as its holder sees exactly what they saw then.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from mesh.access.secret import MaskSecret
from mesh.catalog.store import Catalog
from mesh.lake import Lake, Snapshot
from mesh.lake.removed import removals_of
from mesh.lake.versions import Versions
from mesh.naming import ProductId
from mesh.serving.authority import Authority
from mesh.serving.deciding import Deciding
from mesh.serving.identity.signing_in import Identities
from mesh.serving.sharing.changing import CHANGES, Changing
from mesh.serving.sharing.copies import Copies
from mesh.serving.sharing.governing import Decided, Governing
from mesh.serving.sharing.grants import Grant, Signer
from mesh.serving.sharing.linking import Linking
from mesh.serving.sharing.offers import Offer, Offers
from mesh.serving.sharing.refusing import RefusedError
from mesh.settings import Settings

_FOLDER = "shared"
_PURPOSE = b"mesh.serving.sharing/1\0links"


@dataclass(frozen=True, slots=True)
class Sharing:
    """Everything that the routes ask. Shared by threads."""

    authority: Authority
    governing: Governing
    versions: Versions
    offers: Offers
    changing: Changing
    linking: Linking
    signer: Signer
    copies: Copies

    @classmethod
    def of(
        cls,
        catalog: Catalog,
        settings: Settings,
        deciding: Deciding,
        identities: Identities | None = None,
    ) -> Sharing:
        """The lake of the settings' environment, shared by what these decide."""
        secret = MaskSecret.of(settings).value
        signer = Signer(hmac.digest(secret, _PURPOSE, "sha256"))
        folder = settings.path(settings.state) / settings.environment / _FOLDER
        told = settings.sharing
        copies = Copies(folder, told.copy_bytes, resting=told.link_seconds + 120)
        versions = Versions(Lake.of(settings))
        offers = Offers(settings, copies, signer)
        return cls(
            authority=Authority(catalog, deciding, identities),
            governing=Governing(catalog, deciding),
            versions=versions,
            offers=offers,
            changing=Changing(versions, offers, copies),
            linking=Linking(told, signer),
            signer=signer,
            copies=copies,
        )

    def latest(self, product: ProductId) -> Snapshot:
        """The latest version. Copies of versions that were removed since go with them."""
        before = self.versions.known(product)
        found = self.versions.latest(product)
        if before is not found:
            self.forget_removed(product, found)
        return found

    def forget_removed(self, product: ProductId, latest: Snapshot) -> None:
        """Delete copies of what may not be read any more: another table's, or removed versions."""
        gone = removals_of(latest.table)

        def is_gone(table_id: str, version: int) -> bool:
            is_removed = any(r.first <= version <= r.last for r in gone)
            return table_id != latest.table_id or is_removed

        self.copies.give_up_versions(str(product), is_gone)

    def followed(self, grant: Grant) -> Offer:
        """The files that a link leads to, if they are still seen. Raises RefusedError (403)."""
        who = self.authority.holder(grant.principal, grant.token)
        if who is None:
            raise RefusedError(403, "the token that this link was made for has ended")
        product = ProductId.parse(grant.product)
        decided = self.governing.decided(who, product)
        snapshot = self.versions.at(product, grant.version)
        is_same = snapshot.table_id == grant.table_id and self._is_seen(decided, snapshot, grant)
        if not is_same:
            raise RefusedError(403, "what is seen of this table has changed: query it again")
        if grant.kind == CHANGES:
            return self.changing.compared(decided, snapshot)
        return self.offers.of(decided, snapshot)

    def _is_seen(self, decided: Decided, snapshot: Snapshot, grant: Grant) -> bool:
        if grant.kind == CHANGES:
            return self.offers.governed(decided, snapshot).digest == grant.digest
        return self.offers.digest(decided, snapshot) == grant.digest
