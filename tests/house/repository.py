"""What is in the repository: its files, its modules, its documents.

Owns how the tests of the house find what they look at. Reads the file system and git, runs no code
of Mesh.
"""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("mesh", "domains", "assets")


@cache
def files() -> tuple[str, ...]:
    """Every file that is, or is about to be, under version control; paths from the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(sorted(name for name in listed.split("\0") if name and (ROOT / name).exists()))


def modules(*packages: str) -> list[str]:
    """The Python files of these top-level packages."""
    return [name for name in files() if name.endswith(".py") and name.split("/")[0] in packages]


def documents() -> list[str]:
    """Every Markdown file that people read."""
    return [
        name
        for name in files()
        if name.endswith(".md") and (name.startswith("docs/") or "/" not in name)
    ]


@cache
def tree(module: str) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(text(module), filename=module)


@cache
def text(name: str) -> str:
    """A file's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def imported_packages(module: str) -> Iterator[str]:
    """The top-level package of every import anywhere in a module."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]
