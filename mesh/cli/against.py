"""What a working tree is compared with: an environment's catalog, or a commit.

Owns how a word is told to be the one or the other. Makes nothing: an environment that nobody has
published to is an error, not an empty catalog.
"""

from __future__ import annotations

from pathlib import Path

from mesh.errors import InvalidNameError, MeshError
from mesh.naming import environment_name_problems
from mesh.products.state import MeshState
from mesh.settings import Settings, load

_ENVIRONMENT, _GIT = "env:", "git:"


def state_against(settings: Settings, word: str) -> MeshState:
    """The state that a word names: an environment or a git reference; `env:` and `git:` say which.

    Without a word it is the settings' own environment, and the last commit where nothing is known
    of that. Raises MeshError for a word that is neither, or both.
    """
    if word.startswith(_GIT):
        return _commit(settings, word.removeprefix(_GIT))
    if word.startswith(_ENVIRONMENT):
        return _environment(settings, word.removeprefix(_ENVIRONMENT))
    return _named(settings, word) if word else _default(settings)


def _default(settings: Settings) -> MeshState:
    from mesh.products.commits import find_commit, state_of

    if has_catalog(settings, settings.environment):
        state = _environment(settings, settings.environment)
        if state.products:
            return state
    commit = find_commit(settings.root, "HEAD")
    if commit is not None:
        return state_of(commit)
    raise MeshError(
        "there is nothing to compare with",
        where=f"environment {settings.environment}",
        hint="nothing is published here, and there is no commit: `mesh plan --against ENV`",
    )


def _named(settings: Settings, word: str) -> MeshState:
    from mesh.products.commits import find_commit, state_of

    is_environment = not environment_name_problems(word) and has_catalog(settings, word)
    commit = find_commit(settings.root, word)
    if is_environment and commit is not None:
        raise MeshError(
            f"{word!r} is an environment, and a git reference too",
            where="--against",
            hint=f"write {_ENVIRONMENT}{word} or {_GIT}{word}",
        )
    if is_environment:
        return _environment(settings, word)
    if commit is not None:
        return state_of(commit)
    raise MeshError(
        f"{word!r} is neither an environment that was published to, nor a commit",
        where="--against",
        hint=f"write {_ENVIRONMENT}NAME, or a branch, tag or commit that `git log` knows",
    )


def _commit(settings: Settings, reference: str) -> MeshState:
    from mesh.products.commits import find_commit, state_of

    commit = find_commit(settings.root, reference)
    if commit is None:
        raise MeshError(
            f"{reference!r} names no commit",
            where="--against",
            hint="write a branch, a tag or a commit of the repository that holds this mesh",
        )
    return state_of(commit)


def _environment(settings: Settings, name: str) -> MeshState:
    from mesh.catalog.store import Catalog

    if problems := environment_name_problems(name):
        raise InvalidNameError(problems)
    if not has_catalog(settings, name):
        raise MeshError(
            "nothing was published there from this folder",
            where=f"environment {name}",
            hint="`mesh catalog sync` builds a catalog from the lake, catalog.url shares one",
        )
    chosen = load(settings.root, environment=name)
    with Catalog.of(chosen) as catalog:
        return catalog.state(f"environment {name}")


def has_catalog(settings: Settings, name: str) -> bool:
    """Whether an environment has a catalog: its file, or one at a URL, which is shared."""
    url = load(settings.root, environment=name).catalog_url
    scheme, _, path = url.partition(":///")
    return Path(path).is_file() if scheme == "sqlite" else True
