"""The manifests of an organisation: `domain.yaml` and `organization.yaml`.

Owns their shape and the reading of them, with every problem reported by its path and line. Unknown
keys are problems: a misspelt key would otherwise be a promise that nobody keeps.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mesh.contracts import yaml_files
from mesh.contracts.yaml_files import FileKind
from mesh.errors import ManifestError, Problem, did_you_mean, near_names
from mesh.naming import domain_name_problems

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Manifest = TypeVar("Manifest", bound=BaseModel)
MAX_BYTES = 1_000_000
"""Largest manifest that is read, in bytes."""
NAMED_ROLES = ("product_owner", "business_technology_partner", "data_steward")
"""The roles of a team that somebody has to have."""
_KIND = FileKind(
    "manifests", MAX_BYTES, ManifestError, if_missing="`mesh new domain NAME` writes one"
)


class DomainKind(StrEnum):
    """Where a domain stands between sources and uses."""

    SOURCE_ALIGNED = "source-aligned"
    AGGREGATE = "aggregate"
    CONSUMER_ALIGNED = "consumer-aligned"


class Part(BaseModel):
    """A part of a manifest: unknown keys are problems."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(Part):
    """A person in a role."""

    name: Text = Field(description="The person's name.")
    email: Email = Field(description="The address at which the person is reached.")


class Team(Part):
    """Who answers for a domain, in named roles."""

    name: Text = Field(description="The team's name.")
    product_owner: Person = Field(description="Decides what the domain's products promise.")
    business_technology_partner: Person = Field(
        description="Connects the business to those who build."
    )
    data_steward: Person = Field(description="Looks after meaning, quality and classification.")
    members: tuple[Person, ...] = Field(default=(), description="Everyone else in the team.")

    @property
    def people(self) -> list[tuple[str, Person]]:
        """Everyone, with the role in words: `product owner`, …, `member`."""
        named = [(role.replace("_", " "), getattr(self, role)) for role in NAMED_ROLES]
        return [*named, *(("member", person) for person in self.members)]

    def as_members(self) -> list[dict[str, str]]:
        """Everyone as a member of a team, in the words that ODCS and ODPS share."""
        return [
            {"username": person.email, "name": person.name, "role": role}
            for role, person in self.people
        ]


class Contact(Part):
    """Where consumers turn to."""

    email: Email = Field(description="Shared mailbox of the team.")
    channel: str = Field(default="", description="Chat channel of the team.")


class Terms(Part):
    """Terms of use that hold for a domain's products unless they say otherwise."""

    usage: str = Field(default="", description="What the data may be used for.")
    limitations: str = Field(default="", description="What it must not be used for.")


class DomainManifest(Part):
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


class OrganizationManifest(Part):
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
    return yaml_files.read_yaml(file, _KIND)


def problem_of(
    file: Path, item: Any, lines: dict[tuple[str, ...], int], shape: type[BaseModel]
) -> Problem:
    """One of pydantic's errors as a problem: file, line, path, and the keys that are known."""
    path = tuple(str(part) for part in item["loc"])
    where = f"{file}:{yaml_files.line_of(lines, path)}: {'.'.join(path)}"
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
