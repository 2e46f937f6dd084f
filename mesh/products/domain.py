"""The manifests of an organisation: `domain.yaml` and `organization.yaml`.

Owns their shape and the reading of them, with every problem reported by its path and line. Unknown
keys are problems: a misspelt key would otherwise be a promise that nobody keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
)

from mesh.contracts import yaml_files
from mesh.contracts.yaml_files import FileKind
from mesh.errors import ManifestError, Problem, did_you_mean, near_names
from mesh.naming import domain_name_problems
from mesh.products.decision_rights import Board, DecisionRight, reference_problems

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Manifest = TypeVar("Manifest", bound=BaseModel)
Together = Callable[[Mapping[str, Any]], Iterable[tuple[tuple[str, ...], Problem]]]
"""Tells what does not hold together in a file's plain values, each with its path."""
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


class AttributeType(StrEnum):
    """What the values of a principal's attribute are."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"


AttributeValue = StrictBool | StrictInt | Text
RoleName = Annotated[
    str,
    StringConstraints(
        pattern=r"^(analyst|auditor|platform_engineer|[a-z][a-z0-9_]*\.(product_owner|"
        r"business_technology_partner|data_steward|member))$"
    ),
]


class OrganizationPerson(Person):
    """A person whom no domain's team names, or who has roles beside those."""

    roles: tuple[RoleName, ...] = Field(
        default=(),
        description="`analyst`, `auditor`, `platform_engineer`, or a role in a domain such as "
        "`weather.member`.",
    )
    attributes: dict[str, AttributeValue] = Field(
        default_factory=dict, description="What policies may ask of the person: `carrier: UA`."
    )


class OrganizationService(Part):
    """A program that reads by itself: a dashboard, an application."""

    name: Text = Field(description="The service's name, as its tokens say it.")
    domain: str = Field(default="", description="The domain that it belongs to, if any.")
    roles: tuple[RoleName, ...] = Field(default=(), description="Roles, as of a person.")
    attributes: dict[str, AttributeValue] = Field(
        default_factory=dict, description="What policies may ask of the service."
    )


class OrganizationManifest(Part):
    """The organisation's `organization.yaml`."""

    name: Text = Field(description="The organisation's name.")
    description: str = Field(default="", description="What the organisation does.")
    contact: Contact | None = Field(default=None, description="Who runs the mesh.")
    domains: tuple[Text, ...] = Field(description="Names of the domains that belong to the mesh.")
    people: tuple[OrganizationPerson, ...] = Field(
        default=(), description="People who may ask for products, beside the domains' teams."
    )
    services: tuple[OrganizationService, ...] = Field(
        default=(), description="Programs that may ask for products."
    )
    groups: dict[str, tuple[RoleName, ...]] = Field(
        default_factory=dict,
        description="The roles that members of an identity provider's group have, by group.",
    )
    attributes: dict[str, AttributeType] = Field(
        default_factory=dict,
        description="Attributes that people and services may have, and what each is: `text`, "
        "`number` or `flag`.",
    )
    decision_rights: tuple[DecisionRight, ...] = Field(
        default=(),
        description="Who decides about access, breaking changes and waivers. The first that fits "
        "counts; what none fits is decided as by default.",
    )
    boards: dict[Text, Board] = Field(
        default_factory=dict, description="Boards that decide, by name."
    )


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
    return read_manifest(file, OrganizationManifest, reference_problems)


def read_manifest(file: Path, shape: type[Manifest], together: Together = lambda _: ()) -> Manifest:
    """Read a YAML file into a model. Raises ManifestError with every problem, path and line.

    `together` tells what does not hold together in its plain values, whatever their shape.
    """
    data, lines = read_yaml(file)
    if not isinstance(data, dict):
        raise ManifestError([Problem("it is not a mapping of keys to values", where=str(file))])
    others = [
        Problem(p.what, f"{file}:{yaml_files.line_of(lines, path)}: {'.'.join(path)}", p.hint)
        for path, p in together(data)
    ]
    try:
        found = shape.model_validate(data)
    except ValidationError as error:
        raise ManifestError(
            [*(problem_of(file, item, lines, shape) for item in error.errors()), *others]
        ) from error
    if others:
        raise ManifestError(others)
    return found


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
    is_named = False
    for part in path:
        if part.isdigit() or is_named:
            is_named = False
            continue
        annotation = current.model_fields[part].annotation if part in current.model_fields else None
        is_named = get_origin(annotation) is dict
        current = next((t for t in _models(annotation)), None)
        if current is None:
            return ()
    return tuple(current.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models(part)]
