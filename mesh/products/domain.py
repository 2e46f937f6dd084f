"""The manifests of an organisation: `domain.yaml` and `organization.yaml`.

Owns their shape and the reading of them, with every problem reported by its path and line. Unknown
keys are problems: a misspelt key would otherwise be a promise that nobody keeps.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mesh.errors import ManifestError, Problem, did_you_mean, near_names
from mesh.naming import domain_name_problems

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Manifest = TypeVar("Manifest", bound=BaseModel)
MAX_BYTES = 1_000_000
"""Largest manifest that is read, in bytes."""


class DomainKind(StrEnum):
    """Where a domain stands between sources and uses."""

    SOURCE_ALIGNED = "source-aligned"
    AGGREGATE = "aggregate"
    CONSUMER_ALIGNED = "consumer-aligned"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(_Part):
    """A person in a role."""

    name: Text = Field(description="The person's name.")
    email: Email = Field(description="The address at which the person is reached.")


class Team(_Part):
    """Who answers for a domain, in named roles."""

    name: Text = Field(description="The team's name.")
    product_owner: Person = Field(description="Decides what the domain's products promise.")
    business_technology_partner: Person = Field(
        description="Connects the business to those who build."
    )
    data_steward: Person = Field(description="Looks after meaning, quality and classification.")
    members: tuple[Person, ...] = Field(default=(), description="Everyone else in the team.")


class Contact(_Part):
    """Where consumers turn to."""

    email: Email = Field(description="Shared mailbox of the team.")
    channel: str = Field(default="", description="Chat channel of the team.")


class Terms(_Part):
    """Terms of use that hold for a domain's products unless they say otherwise."""

    usage: str = Field(default="", description="What the data may be used for.")
    limitations: str = Field(default="", description="What it must not be used for.")


class DomainManifest(_Part):
    """A domain's `domain.yaml`."""

    name: Text = Field(description="The domain's name; the same as its folder's.")
    title: str = Field(default="", description="The name as people write it.")
    purpose: Text = Field(description="What the domain is for, in a sentence or two.")
    kind: DomainKind = Field(
        description="`source-aligned`, `aggregate` or `consumer-aligned`: whether products mirror "
        "an operational system, join several, or serve a use."
    )
    team: Team = Field(description="Who answers for the domain, in named roles.")
    contact: Contact = Field(description="Where consumers turn to.")
    terms: Terms = Field(
        default_factory=Terms, description="Default terms of use of the domain's products."
    )


class OrganizationManifest(_Part):
    """The organisation's `organization.yaml`."""

    name: Text = Field(description="The organisation's name.")
    description: str = Field(default="", description="What the organisation does.")
    contact: Contact | None = Field(default=None, description="Who runs the mesh.")
    domains: tuple[Text, ...] = Field(description="Names of the domains that belong to the mesh.")


def read_domain(file: Path) -> DomainManifest:
    """Read a `domain.yaml`. Raises ManifestError with every problem."""
    manifest = read_manifest(file, DomainManifest)
    problems = domain_name_problems(manifest.name)
    if manifest.name != file.parent.name and not problems and file.parent.name != "assets":
        problems.append(
            Problem(
                f"name is {manifest.name!r}, the folder is {file.parent.name!r}",
                hint="give both the same name",
            )
        )
    if problems:
        raise ManifestError(Problem(p.what, where=f"{file}: name", hint=p.hint) for p in problems)
    return manifest


def read_organization(file: Path) -> OrganizationManifest:
    """Read an `organization.yaml`. Raises ManifestError with every problem."""
    return read_manifest(file, OrganizationManifest)


def read_manifest(file: Path, shape: type[Manifest]) -> Manifest:
    """Read a YAML file into a model. Raises ManifestError with every problem, path and line."""
    data, lines = read_yaml(file)
    if not isinstance(data, dict):
        raise ManifestError([Problem("it is not a mapping of keys to values", where=str(file))])
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        raise ManifestError(
            problem_of(file, item, lines, shape) for item in error.errors()
        ) from error


def read_yaml(file: Path) -> tuple[Any, dict[tuple[str, ...], int]]:
    """A YAML file's content, and the line of each path in it. Raises ManifestError."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ManifestError([Problem(f"it is larger than {MAX_BYTES:,} bytes", str(file))])
        text = file.read_text(encoding="utf-8")
        return yaml.load(text, Loader=_Loader), _lines(yaml.compose(text, Loader=_Loader))  # noqa: S506 -- _Loader is a SafeLoader
    except FileNotFoundError as error:
        raise ManifestError(
            [Problem("there is no such file", str(file), "`mesh new domain NAME` writes one")]
        ) from error
    except RecursionError as error:
        raise ManifestError([Problem("it is nested too deeply", str(file))]) from error
    except (OSError, ValueError, yaml.YAMLError) as error:  # not UTF-8, not YAML, no such day
        raise ManifestError([Problem(f"it cannot be read: {error}", str(file))]) from error


class _Loader(yaml.SafeLoader):
    """Plain values only; a repeated key or an alias is an error, not a surprise."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, "aliases are not used in manifests", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 -- PyYAML's signature
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, dict | list):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain value", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _lines(node: yaml.Node | None, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    if node is not None:
        found[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, str(key.value))
            found |= _lines(value, below)
            found[below] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            found |= _lines(value, (*path, str(index)))
    return found


def problem_of(
    file: Path, item: Any, lines: dict[tuple[str, ...], int], shape: type[BaseModel]
) -> Problem:
    """One of pydantic's errors as a problem: file, line, path, and the keys that are known."""
    path = tuple(str(part) for part in item["loc"])
    line = next((lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in lines), 1)
    where = f"{file}:{line}: {'.'.join(path)}"
    if item["type"] == "extra_forbidden":
        known = _keys_at(shape, path[:-1])
        near = did_you_mean(near_names(path[-1], known))
        return Problem(f"unknown key {path[-1]!r}", where, near or f"keys are {', '.join(known)}")
    if item["type"] == "missing":
        return Problem("it is missing", where, "see docs/reference/domain-yaml.md")
    return Problem(f"{item['msg']}, found {str(item['input'])[:80]!r}", where)


def _keys_at(shape: type[BaseModel], path: tuple[str, ...]) -> tuple[str, ...]:
    """The keys that a model allows at a path below it."""
    current: Any = shape
    for part in path:
        if part.isdigit():
            continue
        annotation = current.model_fields[part].annotation if part in current.model_fields else None
        current = next((t for t in _models(annotation)), None)
        if current is None:
            return ()
    return tuple(current.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models(part)]
