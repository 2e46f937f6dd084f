"""The files of SQL products in the dbt project.

Owns which models a domain has, what each reads (found in its Jinja, without dbt), its YAML, and
everything that goes into the building of one product. Imports no dbt. A domain sees its own folder
alone, so that another's broken model is no concern of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mesh.errors import DefinitionError, Problem, did_you_mean, near_names
from mesh.products import dbt_tests
from mesh.products.dbt_jinja import Reads, reads_of
from mesh.products.declaration import SqlModel
from mesh.products.domain import read_yaml
from mesh.settings import Settings

PROJECT_FILE = "dbt_project.yml"
_YAML = (".yml", ".yaml")
_MODELS = ("model-paths", "models")
_MACROS = ("macro-paths", "macros")
_TESTS = ("test-paths", "tests")


@dataclass(frozen=True, slots=True)
class Properties:
    """One model's entry in a YAML file."""

    file: Path
    data: Mapping[str, Any]
    lines: Mapping[tuple[str, ...], int]

    def where(self, path: Iterable[str | int]) -> str:
        """File, line and path of something in the entry."""
        parts = tuple(str(part) for part in path)
        spans = (parts[:n] for n in range(len(parts), -1, -1))
        line = next((self.lines[span] for span in spans if span in self.lines), 1)
        return f"{self.file}:{line}: {'.'.join(parts)}".removesuffix(": ")


@dataclass(frozen=True, slots=True)
class Model:
    """One SQL file, with its YAML where it has any."""

    name: str
    file: Path
    sql: str
    reads: Reads
    properties: Properties | None = None

    @property
    def data(self) -> Mapping[str, Any]:
        """The YAML entry; empty when there is none."""
        return self.properties.data if self.properties else {}


@dataclass(frozen=True, slots=True)
class SqlFiles:
    """Everything that builds one product: its model first, then the private models it stands on.

    `sources` are the tables that they and their tests read.
    """

    project: Path
    models: tuple[Model, ...]
    singular_tests: tuple[Path, ...]
    sources: tuple[tuple[str, str], ...]

    @property
    def data_tests(self) -> tuple[str, ...]:
        """Names of every data test, each once."""
        generic = [name for _, names in self.named() for name in names]
        return (*generic, *(file.stem for file in self.singular_tests))

    def named(self) -> list[tuple[dict[str, Any], list[str]]]:
        """Each model's YAML entry with its tests named, and these names."""
        return dbt_tests.named((model.name, model.data) for model in self.models)

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change whenever something does that makes the data."""
        found = hashlib.sha256()
        for model in self.models:
            found.update(json.dumps([model.name, model.sql, model.data], default=str).encode())
        beside = sorted(self.models[0].file.parent.glob("*.py"))
        for file in (*self.singular_tests, *shared_files(self.project), *beside):
            found.update(str(file.relative_to(self.project)).encode() + b"\0" + file.read_bytes())
        return found.hexdigest()[:12]


@dataclass(slots=True)
class DomainFiles:
    """The dbt models of one domain, and what is wrong with their files."""

    domain: str
    project: Path
    models: dict[str, Model] = field(default_factory=dict)
    sources: set[tuple[str, str]] = field(default_factory=set)
    properties: dict[str, Properties] = field(default_factory=dict)
    singular_tests: dict[Path, Reads] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def files_of(self, name: str) -> SqlFiles:
        """What builds a model. Models that are not there are left out: they are problems."""
        chosen = {name: self.models[name]}
        waiting = [*self.models[name].reads.models]
        while waiting:
            other = waiting.pop(0)
            if other in self.models and other not in chosen:
                chosen[other] = self.models[other]
                waiting += self.models[other].reads.models
        tests = {
            file: reads
            for file, reads in self.singular_tests.items()
            if set(reads.models) and set(reads.models) <= set(chosen)
        }
        sources = [source for model in chosen.values() for source in self._sources_of(model)]
        sources += [source for reads in tests.values() for source in reads.sources]
        return SqlFiles(
            self.project, tuple(chosen.values()), tuple(tests), tuple(dict.fromkeys(sources))
        )

    def _sources_of(self, model: Model) -> Iterator[tuple[str, str]]:
        yield from model.reads.sources
        for text in dbt_tests.texts(model.data):
            if "source(" in text or "ref(" in text:
                jinja = text if "{{" in text else f"{{{{ {text} }}}}"
                yield from reads_of(jinja, str(model.file), []).sources


def read_domain(domain: str, settings: Settings) -> DomainFiles | None:
    """The SQL models of a domain; None when it has none."""
    return read_folder(domain, settings.path(settings.dbt_project))


def files_behind(model: SqlModel, domain: str) -> SqlFiles | None:
    """What builds a product's model, as the files are now; None when the model's are gone."""
    projects = (folder for folder in model.path.parents if (folder / PROJECT_FILE).is_file())
    project = next(projects, None)
    found = read_folder(domain, project) if project is not None else None
    return found.files_of(model.name) if found and model.name in found.models else None


def read_folder(domain: str, project: Path) -> DomainFiles | None:
    """The SQL models of a domain in a dbt project; None when it has none."""
    found = DomainFiles(domain, project)
    try:
        config = project_config(project)
    except DefinitionError as error:
        found.problems += error.problems
        config = {}
    files = [f for path in _paths(config, *_MODELS) for f in _files(project / path / domain)]
    if not any(file.suffix in {".sql", *_YAML} for file in files):
        return None
    for file in files:
        if file.suffix in _YAML:
            _read_properties(file, found)
    for file in files:
        if file.suffix == ".sql":
            _read_model(file, found)
    for path in _paths(config, *_TESTS):
        for file in _files(project / path / domain):
            if file.suffix == ".sql" and (sql := _text(file, found)) is not None:
                found.singular_tests[file] = reads_of(sql, str(file), found.problems)
    _check(found)
    return found


def project_config(project: Path) -> dict[str, Any]:
    """The content of `dbt_project.yml`. Raises DefinitionError."""
    data, _ = read_yaml(project / PROJECT_FILE)
    if not isinstance(data, dict):
        raise DefinitionError([Problem("it is not a mapping", str(project / PROJECT_FILE))])
    return data


def shared_files(project: Path) -> list[Path]:
    """Files that every model may depend on: the project's own, macros and generic tests."""
    config = project_config(project)
    folders = [project / path for path in _paths(config, *_MACROS)]
    folders += [project / path / "generic" for path in _paths(config, *_TESTS)]
    found = [f for folder in folders for f in _files(folder) if f.suffix in {".sql", *_YAML}]
    return [project / PROJECT_FILE, *found]


def _paths(config: Mapping[str, Any], key: str, default: str) -> list[str]:
    """Folders that the project names, below its own."""
    paths = config.get(key, [default])
    named = [Path(str(path)) for path in paths] if isinstance(paths, list) else [Path(default)]
    return [str(path) for path in named if not path.is_absolute() and ".." not in path.parts]


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _text(file: Path, found: DomainFiles) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        found.problems.append(Problem(f"it cannot be read: {error}", str(file)))
        return None


def _read_model(file: Path, found: DomainFiles) -> None:
    name = file.stem
    if name in found.models:
        other = found.models[name].file
        found.problems.append(
            Problem(f"model {name!r} is also in {other}", str(file), "rename one")
        )
    sql = _text(file, found)
    if sql is not None:
        reads = reads_of(sql, str(file), found.problems)
        found.models[name] = Model(name, file, sql, reads, found.properties.get(name))


def _read_properties(file: Path, found: DomainFiles) -> None:
    """What one YAML file says of models and sources; its other keys are dbt's own concern."""
    try:
        content, lines = read_yaml(file)
    except DefinitionError as error:
        found.problems += error.problems
        return
    for index, entry in _entries(content, "models", file, found):
        own = {path[2:]: n for path, n in lines.items() if path[:2] == ("models", str(index))}
        properties = Properties(file, entry, own)
        name = str(entry["name"])
        if name in found.properties:
            other = found.properties[name].where(())
            found.problems.append(
                Problem(f"model {name!r} is also described in {other}", properties.where(()))
            )
        found.properties[name] = properties
    for _, source in _entries(content, "sources", file, found):
        for _, table in _entries(source, "tables", file, found):
            found.sources.add((str(source["name"]), str(table["name"])))


def _entries(
    content: object, key: str, file: Path, found: DomainFiles
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The named entries of a list in YAML."""
    entries = content.get(key) if isinstance(content, dict) else None
    if entries is not None and not isinstance(entries, list):
        found.problems.append(Problem(f"{key} is not a list", str(file), f"{key}:\n  - name: …"))
        return
    for index, entry in enumerate(entries or ()):
        if isinstance(entry, dict) and entry.get("name"):
            yield index, entry
        else:
            found.problems.append(Problem(f"{key}.{index} has no name", str(file)))


def _check(found: DomainFiles) -> None:
    """Whether what the files name is there."""
    for name, properties in found.properties.items():
        if name not in found.models:
            hint = did_you_mean(near_names(name, found.models)) or f"write {name}.sql beside it"
            found.problems.append(
                Problem(f"there is no model {name!r}", properties.where(()), hint)
            )
        for path, test in dbt_tests.malformed(properties.data):
            found.problems.append(
                Problem(
                    f"{test!r} is not a data test",
                    properties.where(path),
                    "write a name, or one name with its arguments below it",
                )
            )
    for model in found.models.values():
        for other in model.reads.models:
            if other not in found.models:
                hint = did_you_mean(near_names(other, found.models))
                found.problems.append(
                    Problem(
                        f"there is no model {other!r} in {found.domain}",
                        str(model.file),
                        hint or "read another domain's product with source('domain', 'product_v1')",
                    )
                )
