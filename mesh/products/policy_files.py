"""Policy files, as text: where they are, and whose.

Owns the folders: `policies/` beside `organization.yaml` for the organisation's, and beside a
`domain.yaml` for the domain's. What a policy says is read in `mesh.access`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mesh.errors import PolicyError, Problem
from mesh.settings import Settings

FOLDER = "policies"
"""The folder of policies."""
TEST_ENDING = ".policy-test.yaml"
"""How files of policy tests are called."""
MAX_BYTES = 1_000_000
"""Largest policy file that is read, in bytes."""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """The text of a file of policies. `domain` is whose it is; empty for the organisation's."""

    source: str
    text: str
    domain: str = ""

    def as_json(self) -> dict[str, Any]:
        """The file as plain values."""
        return {"source": self.source, "text": self.text, "domain": self.domain}


def read_policy_files(home: Path, root: Path, domain: str = "") -> tuple[PolicyFile, ...]:
    """The policy files of a folder that holds a manifest, by name. Raises PolicyError."""
    return tuple(
        PolicyFile(told_path(file, root), _text(file), domain)
        for file in sorted((home / FOLDER).glob("*.cedar"))
    )


def organization_policies(settings: Settings) -> tuple[PolicyFile, ...]:
    """The organisation's policy files. Raises PolicyError."""
    return read_policy_files(settings.path(settings.domains), settings.root)


def told_path(file: Path, root: Path) -> str:
    """A file's path as it is seen from the mesh's folder."""
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise PolicyError([Problem(f"it is larger than {MAX_BYTES:,} bytes", str(file))])
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError([Problem(f"it cannot be read: {error}", str(file))]) from error
