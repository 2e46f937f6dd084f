"""The mesh as a commit has it: its files beside, its modules in a process of their own.

Owns the way from a git reference to a state. Files are read from git's objects alone: no index, no
hook, no filter, no work tree of yours is touched, and the folder that they are put into is gone
afterwards. A process of its own imports them, because two versions of one module cannot live in one
interpreter; like every import of a domain's code, that runs it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import mesh
from mesh.errors import MeshError
from mesh.products.state import MeshState
from mesh.settings import chosen

TIMEOUT_SECONDS = 300.0
"""How long a commit's modules may take to be imported, in seconds."""
_REGULAR = frozenset({"100644", "100755"})
_LINK = "120000"
_FORBIDDEN = frozenset({"", ".", "..", ".git"})
_SCRIPT = (
    "import sys; sys.path.insert(0, sys.argv[1]); import mesh.products.commits as commits; "
    "sys.path.remove(sys.argv[1]); commits.tell(*sys.argv[2:])"
)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the repository that holds a mesh. `prefix` leads from its top to the mesh."""

    root: Path
    reference: str
    hash: str
    prefix: str

    @property
    def origin(self) -> str:
        """The commit for people: `git main (1f2e3d4)`."""
        short = self.hash[:7]
        name = self.reference
        return f"git {name}" if name == short else f"git {name} ({short})"


def find_commit(root: Path, reference: str) -> Commit | None:
    """The commit that a reference names; None when there is none, or no repository."""
    if not reference or reference.startswith("-") or shutil.which("git") is None:
        return None
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    done = _git(root, *words)
    if done.returncode:
        return None
    prefix = _git(root, "rev-parse", "--show-prefix").stdout.decode().strip()
    return Commit(root, reference, done.stdout.decode().strip(), prefix)


def state_of(commit: Commit) -> MeshState:
    """The mesh as a commit has it. Raises MeshError when it cannot be read or loaded."""
    with tempfile.TemporaryDirectory(prefix="mesh-commit-") as folder:
        files = Path(folder) / "files"
        answer = Path(folder) / "state.json"
        files.mkdir()
        _put_files(commit, files.resolve())
        _load_beside(commit, files.resolve(), answer)
        told = json.loads(answer.read_text(encoding="utf-8"))
    if "problems" in told:
        raise MeshError(
            f"the mesh cannot be loaded as it was there: {told['problems']}",
            where=commit.origin,
            hint="name a commit that holds together: check it out, and see `mesh check`",
        )
    return MeshState.from_json(told)


def tell(root: str, origin: str, answer: str) -> None:
    """What the process does: load the mesh at `root`, and write its state, or what is wrong."""
    from mesh.products.collection import load_organization
    from mesh.settings import load

    try:
        organization = load_organization(load(Path(root)))
        broken = [str(problem) for item in organization.broken for problem in item.problems]
        told = (
            {"problems": "\n".join(broken)}
            if broken
            else MeshState.of(organization, origin).as_json()
        )
    except MeshError as error:
        told = {"problems": str(error)}
    text = json.dumps(told).replace(f"{root}/", "")
    Path(answer).write_text(text, encoding="utf-8")


def _load_beside(commit: Commit, files: Path, answer: Path) -> None:
    home = str(Path(mesh.__file__).resolve().parents[1])
    words = [sys.executable, "-P", "-c", _SCRIPT, home, str(files), commit.origin, str(answer)]
    with chosen(root=files):
        try:
            done = subprocess.run(  # noqa: S603 -- this very interpreter, and no shell
                words, cwd=files, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise MeshError(
                f"its modules were not imported within {TIMEOUT_SECONDS:.0f} s",
                where=commit.origin,
            ) from error
    if done.returncode or not answer.is_file():
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise MeshError(
            f"the process that loads it ended with code {done.returncode}: {last[0]}",
            where=commit.origin,
            hint="check it out, and see `mesh check`",
        )


def _put_files(commit: Commit, folder: Path) -> None:
    """Write the commit's files of the mesh into a folder; links out of it are left out."""
    tree = f"{commit.hash}:{commit.prefix}" if commit.prefix else commit.hash
    listed = _git(commit.root, "ls-tree", "-r", "-z", "--full-tree", tree)
    if listed.returncode:
        message = listed.stderr.decode(errors="replace").strip()
        raise MeshError(f"its files cannot be listed: {message}", where=commit.origin)
    entries = list(_entries(listed.stdout, commit))
    contents = _contents(commit, [sha for _, sha, _ in entries])
    for (mode, _, path), content in zip(entries, contents, strict=True):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if mode in _REGULAR:
            target.write_bytes(content)
        elif _stays_within(target, content, folder):
            target.symlink_to(content.decode())


def _entries(listed: bytes, commit: Commit) -> Iterator[tuple[str, str, str]]:
    for line in listed.split(b"\0"):
        if not line:
            continue
        facts, _, name = line.partition(b"\t")
        mode, kind, sha = facts.decode().split()
        path = name.decode(errors="surrogateescape")
        if _FORBIDDEN & {part.lower() for part in path.split("/")}:
            raise MeshError(f"it has a file at {path!r}, outside of any tree", where=commit.origin)
        if kind == "blob" and mode in {*_REGULAR, _LINK}:
            yield mode, sha, path


def _contents(commit: Commit, hashes: list[str]) -> Iterator[bytes]:
    done = _git(commit.root, "cat-file", "--batch", given="\n".join(hashes).encode())
    rest = memoryview(done.stdout)
    for sha in hashes:
        end = bytes(rest[:200]).find(b"\n")
        words = bytes(rest[: max(end, 0)]).decode(errors="replace").split()
        if len(words) != 3:  # noqa: PLR2004 -- hash, type and size
            raise MeshError(f"git has no content for {sha}", where=commit.origin)
        size = int(words[2])
        yield bytes(rest[end + 1 : end + 1 + size])
        rest = rest[end + 2 + size :]


def _stays_within(link: Path, target: bytes, folder: Path) -> bool:
    try:
        path = PurePosixPath(target.decode())
    except UnicodeDecodeError:
        return False
    return not path.is_absolute() and (link.parent / path).resolve().is_relative_to(folder)


def _git(root: Path, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 -- no shell, and what users say is never an option
        ["git", "-C", str(root), *words],  # noqa: S607 -- git is where the user has it
        input=given,
        capture_output=True,
        check=False,
    )
