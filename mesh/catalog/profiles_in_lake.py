"""Profiles as the lake keeps them: one file a publication, beside the table.

Owns where they are, and their form. The lake is the truth here, too: a catalog that was lost has
them back. A file whose publication never landed is a crash's leftover, and is read by nobody.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator

from mesh.contracts.profiling.profile import Profile
from mesh.lake import Table
from mesh.lake.store import StoredFile

PROFILES_FOLDER = "_mesh/profiles"
"""Folder of a table in which the profiles of its publications are kept."""
OF_PUBLICATION = "publication"
"""What a profile is of: the rows of one publication, and not all of the table."""


def keep_profile(table: Table, publication: str, profile: Profile) -> None:
    """Keep the profile of a publication; one of an attempt before is replaced."""
    text = json.dumps({"of": OF_PUBLICATION, **profile.as_json()})
    table.store.replace(_path(publication), text.encode())


def profile_in(table: Table, publication: str) -> Profile | None:
    """The profile of a publication; None when there is none. Raises ValueError, KeyError."""
    found = table.store.find(_path(publication))
    return Profile.from_json(json.loads(found.data)) if found is not None else None


def profile_files(table: Table) -> Iterator[tuple[str, StoredFile]]:
    """Every profile that is kept, by its publication."""
    for file in list(table.store.list(PROFILES_FOLDER)):
        folder, _, name = file.path.rpartition("/")
        if folder == PROFILES_FOLDER and name.endswith(".json") and not name.startswith("."):
            yield name.removesuffix(".json"), file


def kept_profiles(table: Table) -> frozenset[str]:
    """The publications whose profile is kept."""
    return frozenset(publication for publication, _ in profile_files(table))


def forget_profiles(table: Table, publications: Iterable[str] | None = None) -> Collection[str]:
    """Delete profiles: those of some publications, or all. Returns whose they were."""
    gone = sorted(kept_profiles(table) if publications is None else publications)
    table.store.delete([_path(publication) for publication in gone])
    return gone


def _path(publication: str) -> str:
    return f"{PROFILES_FOLDER}/{publication}.json"
