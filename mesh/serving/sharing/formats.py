"""The lines of an answer, in the two formats that the protocol has.

Owns which format is spoken, and how a version, its columns and its files are written in it. A table
that asks more of its reader than the first version of Delta's format is told of in `delta` alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mesh.lake.described import Described
from mesh.serving.sharing.refusing import RefusedError

CAPABILITIES = "delta-sharing-capabilities"
VERSION = "delta-table-version"
_FEED_WRITER = 4
"""Delta's first version of writers that keeps a change data feed."""
MEDIA_TYPE = "application/x-ndjson; charset=utf-8"


class Format(StrEnum):
    """How lines are written: the protocol's own way, or as actions of Delta's log."""

    PARQUET = "parquet"
    DELTA = "delta"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a client says that it can read. Without a word of it, Parquet alone."""

    formats: frozenset[Format] = frozenset({Format.PARQUET})
    features: frozenset[str] = frozenset()
    is_said: bool = False

    @classmethod
    def of(cls, header: str) -> Capabilities:
        """What the header says; what is not known in it is passed over."""
        said: dict[str, list[str]] = {}
        for part in header.lower().split(";"):
            name, _, values = part.partition("=")
            said[name.strip()] = [value.strip() for value in values.split(",")]
        known = {str(one) for one in Format}
        formats = {Format(word) for word in said.get("responseformat", ()) if word in known}
        return cls(
            frozenset(formats or {Format.PARQUET}),
            frozenset(said.get("readerfeatures", ())),
            bool(header),
        )

    def chosen(self, described: Described) -> Format:
        """The format for a table. Raises RefusedError when the client cannot read it in any."""
        missing = [name for name in described.features if name.lower() not in self.features]
        if Format.PARQUET in self.formats and not described.features:
            return Format.PARQUET
        if Format.DELTA in self.formats and not missing:
            return Format.DELTA
        features = ", ".join(sorted(described.features))
        raise RefusedError(
            400,
            f"this table has what the client does not say that it reads: {features}; ask with "
            f"`{CAPABILITIES}: responseformat=delta;readerfeatures={features.lower()}`, as "
            "`use_delta_format=True` does",
        )

    def headers(self, chosen: Format) -> dict[str, str]:
        """What the answer says of its format; nothing to one who did not say any."""
        return {CAPABILITIES: f"responseformat={chosen}"} if self.is_said else {}


def protocol_line(described: Described, chosen: Format, *, is_feed: bool = False) -> str:
    """What a reader has to know; of a feed, what a table that has one says."""
    if chosen is Format.PARQUET:
        return '{"protocol":{"minReaderVersion":1}}'
    said = dict(described.protocol)
    if is_feed and "writerFeatures" in said:
        said["writerFeatures"] = sorted({*said["writerFeatures"], "changeDataFeed"})
    elif is_feed:
        said["minWriterVersion"] = max(said["minWriterVersion"], _FEED_WRITER)
    return compact({"protocol": {"deltaProtocol": said}})


def metadata_line(
    described: Described,
    chosen: Format,
    *,
    configuration: Mapping[str, str] | None = None,
    version: int | None = None,
) -> str:
    """The columns, and how many files and bytes there are where that is known."""
    said = {**described.metadata.get("configuration", {}), **(configuration or {})}
    metadata = {**described.metadata, "configuration": said}
    facts: dict[str, Any] = {} if version is None else {"version": version}
    if described.files.height:
        facts |= {"size": described.files["size"].sum(), "numFiles": described.files.height}
    if chosen is Format.DELTA:
        return compact({"metaData": {**facts, "deltaMetadata": metadata}})
    plain = {name: value for name, value in metadata.items() if name != "createdTime"}
    return compact({"metaData": {**plain, "format": {"provider": "parquet"}, **facts}})


def compact(content: Mapping[str, Any]) -> str:
    """A line of JSON."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def quoted(text: str) -> str:
    """A text as it stands inside of JSON's quotes."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def file_tails(
    identities: list[str], files: Mapping[str, list[Any]], chosen: Format
) -> list[bytes]:
    """What follows the URL in the line of each file, up to when the URL ends.

    Written once for a version: ten thousand lines are then texts put together.
    """
    told = zip(
        identities,
        files["partition"],
        files["size"],
        files["modified"],
        map(quoted, files["stats"]),
        strict=True,
    )
    if chosen is Format.PARQUET:
        return [
            f'","id":"{identity}","partitionValues":{partition},"size":{size},'
            f'"stats":"{stats}","expirationTimestamp":'.encode()
            for identity, partition, size, _, stats in told
        ]
    return [
        f'","partitionValues":{partition},"size":{size},"modificationTime":{modified},'
        f'"dataChange":true,"stats":"{stats}"}}}},"id":"{identity}","size":{size},'
        f'"expirationTimestamp":'.encode()
        for identity, partition, size, modified, stats in told
    ]


HEADS = {
    Format.PARQUET: b'{"file":{"url":"',
    Format.DELTA: b'{"file":{"deltaSingleAction":{"add":{"path":"',
}
"""What comes before the URL."""
END = b"}}\n"
"""What comes after when the URL ends."""
