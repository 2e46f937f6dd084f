"""Credentials for the files of one table, as whoever reads them has them.

Owns their form on the way from a server, which has the words of Unity Catalog's temporary table
credentials. Refuses to show a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from mesh.lake.lending import LentKeys


@dataclass(frozen=True, slots=True)
class TableCredentials:
    """Keys of the store that list and get what lies below one table's `url`, until they end.

    `table_version` was the latest when they were given, `agreement` is the id of the one that gave
    the right, if any did.
    """

    product: str
    url: str
    table_version: int
    keys: LentKeys
    agreement: str = ""

    @property
    def storage_options(self) -> dict[str, str]:
        """What `DeltaTable(url, storage_options=…)` and `pl.scan_delta` take."""
        return self.keys.storage_options

    @property
    def expires_at(self) -> datetime:
        """The moment from which they are good for nothing, in UTC."""
        return self.keys.expires_at

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values, secrets included. `expiration_time` is in milliseconds."""
        return {
            "product": self.product,
            "url": self.url,
            "table_version": self.table_version,
            "aws_temp_credentials": {
                "access_key_id": self.keys.access_key_id,
                "secret_access_key": self.keys.secret_access_key,
                "session_token": self.keys.session_token,
            },
            "expiration_time": int(self.expires_at.timestamp() * 1000),
            "storage_options": dict(self.keys.reach),
            "agreement": self.agreement,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote. Raises KeyError, TypeError or ValueError for what is none."""
        keys: Mapping[str, str] = told["aws_temp_credentials"]
        lent = LentKeys(
            keys["access_key_id"],
            keys["secret_access_key"],
            keys["session_token"],
            datetime.fromtimestamp(told["expiration_time"] / 1000, UTC),
            dict(told["storage_options"]),
        )
        own = (told["product"], told["url"], told["table_version"])
        return cls(*own, lent, told.get("agreement", ""))
