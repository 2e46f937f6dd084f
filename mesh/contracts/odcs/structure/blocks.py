"""The structure of what stands around the schema: people, servers, prices, levels, links.

Owns the keys of each block by version. Mesh keeps most of it, and acts on little.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.contracts.odcs.structure.servers import (
    DELIMITERS,
    FORMATS,
    V3_0,
    V3_1,
    V3_2,
    server_keys,
    server_types,
)
from mesh.contracts.odcs.structure.walking import Check, Walk
from mesh.contracts.yaml_files import Path_


class Blocks(Walk):
    """The parts of a document that stand for themselves."""

    @property
    def is_open(self) -> bool:
        """Whether most mappings may have any other key, as in 3.0."""
        return self.version == V3_0

    def since(self, version: int, keys: Mapping[str, Check]) -> dict[str, Check]:
        """Keys that a version brought."""
        return dict(keys) if self.version >= version else {}

    @property
    def id_(self) -> dict[str, Check]:
        """The key `id`, since 3.1."""
        return self.since(
            V3_1, {"id": self.matching(r"^[A-Za-z0-9_-]+$", "letters, digits, - or _")}
        )

    @property
    def told(self) -> dict[str, Check]:
        """Keys by which most things may be told more of."""
        return {"customProperties": self.custom, "authoritativeDefinitions": self.definitions}

    def custom(self, value: Any, path: Path_) -> None:
        """Custom properties."""
        self.listing(value, path, self._custom)

    def _custom(self, value: Any, path: Path_) -> None:
        keys = {"property": self.text, "value": self.anything, **self.id_}
        keys |= self.since(V3_1, {"description": self.text})
        keys |= self.since(V3_2, {"vendor": self.text})
        required = () if self.is_open else ("property", "value")
        self.mapping(value, path, keys, required=required, is_open=self.is_open)

    def definitions(self, value: Any, path: Path_) -> None:
        """Links to authoritative definitions."""
        self.listing(value, path, self._definition)

    def _definition(self, value: Any, path: Path_) -> None:
        keys = {"url": self.text, "type": self.text, **self.id_}
        keys |= self.since(V3_1, {"description": self.text})
        self.mapping(value, path, keys, required=("url", "type"), is_open=self.is_open)

    def description(self, value: Any, path: Path_) -> None:
        """What the whole is for."""
        texts = dict.fromkeys(("usage", "purpose", "limitations"), self.text)
        self.mapping(value, path, {**texts, **self.told}, is_open=True)

    def context(self, value: Any, path: Path_) -> None:
        """Guidance for agents, since 3.2."""
        self.seen.add(path)
        if isinstance(value, str):
            return
        keys = {
            "instructions": self.text,
            "verifiedStatements": self.each(self._statement),
            "constraints": self.each(self._constraint),
        }
        self.mapping(value, path, keys)

    def _statement(self, value: Any, path: Path_) -> None:
        keys = {**dict.fromkeys(("id", "question", "answer"), self.text), "tags": self.texts}
        self.mapping(value, path, {**keys, **self.told}, required=("question",))

    def _constraint(self, value: Any, path: Path_) -> None:
        keys = {**dict.fromkeys(("id", "constraint"), self.text), "tags": self.texts}
        self.mapping(value, path, {**keys, **self.told}, required=("constraint",))

    def support(self, value: Any, path: Path_) -> None:
        """One channel."""
        names = ("channel", "url", "description", "tool", "scope", "invitationUrl")
        keys = {**dict.fromkeys(names, self.text), **self.id_}
        keys |= self.since(V3_1, {"customProperties": self.custom})
        required = ("channel", "url") if self.is_open else ("channel",)
        self.mapping(value, path, keys, required=required, is_open=self.is_open)

    def price(self, value: Any, path: Path_) -> None:
        """What it costs."""
        keys = {"priceAmount": self.number, "priceCurrency": self.text, "priceUnit": self.text}
        self.mapping(value, path, {**keys, **self.id_}, is_open=self.is_open)

    def team(self, value: Any, path: Path_) -> None:
        """Who answers for it: in 3.0 a list of people, later a team that has them."""
        if self.is_open or isinstance(value, list):
            self.listing(value, path, self._member)
            return
        keys = {"name": self.text, "description": self.text, "members": self.each(self._member)}
        self.mapping(value, path, {**keys, "tags": self.texts, **self.told, **self.id_})

    def _member(self, value: Any, path: Path_) -> None:
        names = (
            "username",
            "name",
            "description",
            "role",
            "dateIn",
            "dateOut",
            "replacedByUsername",
        )
        keys = {**dict.fromkeys(names, self.text), **self.id_}
        keys |= self.since(V3_1, {"tags": self.texts, **self.told})
        required = () if self.is_open else ("username",)
        self.mapping(value, path, keys, required=required, is_open=self.is_open)

    def role(self, value: Any, path: Path_) -> None:
        """A role that has access."""
        names = ("role", "description", "access", "firstLevelApprovers", "secondLevelApprovers")
        keys = {**dict.fromkeys(names, self.text), "customProperties": self.custom, **self.id_}
        self.mapping(value, path, keys, required=("role",), is_open=self.is_open)

    def level(self, value: Any, path: Path_) -> None:
        """One service level."""
        keys = {**dict.fromkeys(("property", "unit", "element", "driver"), self.text), **self.id_}
        keys |= {"value": self.scalar, "valueExt": self.scalar}
        added = ("description", "scheduler", "schedule")
        keys |= self.since(V3_1, dict.fromkeys(added, self.text))
        keys |= self.since(V3_2, self.told)
        self.mapping(value, path, keys, required=("property", "value"), is_open=self.is_open)

    def server(self, value: Any, path: Path_) -> None:
        """Where data lies elsewhere."""
        kind = value.get("type") if isinstance(value, Mapping) else None
        names, required = server_keys(kind if isinstance(kind, str) else "", self.version)
        keys = {**dict.fromkeys(("server", "description", "environment"), self.text), **self.id_}
        keys |= {"type": self.one_of(server_types(self.version)), "roles": self.each(self.role)}
        keys |= {"customProperties": self.custom}
        keys |= {name: self._of_server(name, str(kind)) for name in names}
        required = ("server", "type", *required)
        self.mapping(value, path, keys, required=required, is_open=self.is_open)

    def _of_server(self, name: str, kind: str) -> Check:
        if name == "port":
            return self._port
        if name == "schema" and kind == "duckdb" and self.is_open:
            return self.whole
        if name == "location" and kind == "sftp":
            return self.matching(r"^sftp://.*", "a URL that begins with sftp://")
        if self.is_open and kind in {"azure", "s3", "sftp"} and name in {"format", "delimiter"}:
            return self.one_of(FORMATS if name == "format" else DELIMITERS)
        return self.text

    def _port(self, value: Any, path: Path_) -> None:
        if self.version >= V3_2 and isinstance(value, str):
            self.seen.add(path)
        else:
            self.whole(value, path)
