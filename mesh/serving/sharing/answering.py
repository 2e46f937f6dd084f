"""Answers about one table, line by line: its metadata, its files, its changes.

Owns what an answer is made of, and that each hand-out of files is in the audit log before the files
are. How a line is written is `formats`, which files are chosen `hints`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mesh.access.reads import ReadEntry, policies_of
from mesh.lake import Snapshot
from mesh.serving.sharing.changing import ChangedVersion
from mesh.serving.sharing.formats import (
    END,
    HEADS,
    Capabilities,
    Format,
    compact,
    metadata_line,
    protocol_line,
)
from mesh.serving.sharing.governing import WAY, Decided
from mesh.serving.sharing.hints import chosen_files
from mesh.serving.sharing.linking import Bearer, Links
from mesh.serving.sharing.offers import ROWS, Offer
from mesh.serving.sharing.sharing import Sharing

_FEED = {
    Format.PARQUET: {"enableChangeDataFeed": "true"},
    Format.DELTA: {"delta.enableChangeDataFeed": "true"},
}


@dataclass(frozen=True, slots=True)
class Lines:
    """An answer: its lines, the version that it is of, and the format that it is in.

    `files` are the lines of files, in pieces.
    """

    lines: Sequence[str]
    version: int
    chosen: Format
    files: Sequence[bytes] = ()

    @property
    def body(self) -> bytes:
        """The lines as they are sent."""
        first = "".join(f"{line}\n" for line in self.lines).encode("utf-8", errors="replace")
        return b"".join((first, *self.files))


@dataclass(frozen=True, slots=True)
class Hints:
    """What a client needs of a version, as far as it says."""

    limit: int | None = None
    json: str = ""
    sql: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answering:
    """Answers to one request: who asks for what is decided already."""

    sharing: Sharing
    decided: Decided
    capabilities: Capabilities
    bearer: Bearer

    def metadata(self, snapshot: Snapshot) -> Lines:
        """Protocol and columns."""
        described = self.sharing.offers.described(self.decided, snapshot)
        chosen = self.capabilities.chosen(described)
        lines = [protocol_line(described, chosen), metadata_line(described, chosen)]
        return Lines(lines, snapshot.version, chosen)

    def files(self, snapshot: Snapshot, hints: Hints) -> Lines:
        """The files of a version that are needed."""
        described = self.sharing.offers.described(self.decided, snapshot)
        chosen = self.capabilities.chosen(described)
        offer = self.sharing.offers.of(self.decided, snapshot)
        files = offer.described.files.with_row_index("at")
        needed = chosen_files(files, limit=hints.limit, json_hints=hints.json, sql_hints=hints.sql)
        positions = needed["at"].to_list()
        self._note(snapshot, int(needed["rows"].sum()))
        links = self._links(offer, positions, ROWS)
        tails = offer.tails(chosen)
        first, last = HEADS[chosen] + links.before, str(links.ends).encode() + END
        pieces = [
            piece
            for at, name in zip(positions, links.names, strict=True)
            for piece in (first, name, links.after, tails[at], last)
        ]
        lines = [protocol_line(offer.described, chosen), metadata_line(offer.described, chosen)]
        return Lines(lines, snapshot.version, chosen, pieces)

    def changes(self, first: int, last: Snapshot, *, is_feed: bool) -> Lines:
        """What each version changed: with `is_feed` as change data, else as adds and removes.

        The columns are those of the last version, which has all that came in between.
        """
        described = self.sharing.offers.described(self.decided, last)
        chosen = self.capabilities.chosen(described)
        found = list(self.sharing.changing.between(self.decided, first, last))
        self._note(last, sum(version.rows() for version in found))
        told = _FEED[chosen] if is_feed else {}
        lines = [
            protocol_line(described, chosen, is_feed=is_feed),
            metadata_line(described, chosen, configuration=told, version=first),
            *(
                line
                for version in found
                for line in self._changed(version, chosen, is_feed=is_feed)
            ),
        ]
        return Lines(lines, last.version, chosen)

    def _changed(self, version: ChangedVersion, chosen: Format, *, is_feed: bool) -> Iterator[str]:
        offer, files = version.offer, version.offer.described.files
        links = self._links(offer, version.files, version.kind)
        for at, url in zip(version.files, links.urls, strict=True):
            kind = "cdf" if is_feed and version.is_feed else "add"
            if not is_feed and version.is_removed(at):
                kind = "remove"
            row = files.row(at, named=True)
            yield _action(
                kind,
                {
                    "url": url,
                    "id": offer.identities[at],
                    "partitionValues": row["partition"],
                    "size": row["size"],
                    "stats": row["stats"],
                    "timestamp": int(version.committed.timestamp() * 1000),
                    "version": version.snapshot.version,
                    "expirationTimestamp": links.ends,
                },
                chosen,
            )

    def _links(self, offer: Offer, files: Sequence[int], kind: str) -> Links:
        product = self.decided.ask.port.name
        return self.sharing.linking.links(offer, files, kind, self.bearer, product)

    def _note(self, snapshot: Snapshot, rows: int) -> None:
        """Say in the audit log what is about to be handed out."""
        ask, view = self.decided.ask, self.decided.view
        there = set(snapshot.schema.names)
        columns = tuple(column for column in view.columns if column.name in there)
        now = datetime.now(UTC)
        self.sharing.governing.deciding.audit.read(
            ReadEntry(
                principal=ask.principal,
                action=ask.action,
                port=ask.port.name,
                purpose=ask.purpose,
                environment=ask.environment,
                version=snapshot.version,
                columns=tuple(column.name for column in columns),
                masked=tuple(column.name for column in columns if column.mask),
                rows=rows,
                is_complete=True,
                began_at=now,
                ended_at=now,
                agreement=view.agreement,
                policies=policies_of(view),
                policies_digest=view.policies_digest,
                view=view.digest,
                way=WAY,
            )
        )


def _action(kind: str, told: dict[str, Any], chosen: Format) -> str:
    """One action of a change, whose URL and partition are JSON already."""
    url, partition, stats = told.pop("url"), told.pop("partitionValues"), told.pop("stats")
    if kind == "add":
        told["stats"] = stats
    if chosen is Format.PARQUET:
        return f'{{"{kind}":{{"url":"{url}","partitionValues":{partition},{compact(told)[1:]}}}'
    named = "cdc" if kind == "cdf" else kind
    own: dict[str, Any] = {"size": told["size"], "dataChange": kind != "cdf"}
    if kind == "add":
        own |= {"stats": stats, "modificationTime": told["timestamp"]}
    if kind == "remove":
        own |= {"deletionTimestamp": told["timestamp"], "extendedFileMetadata": True}
    told.pop("stats", None)
    action = f'{{"{named}":{{"path":"{url}","partitionValues":{partition},{compact(own)[1:]}}}'
    return f'{{"file":{{"deltaSingleAction":{action},{compact(told)[1:]}}}'
