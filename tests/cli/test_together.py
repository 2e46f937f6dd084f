"""Files of one command are all there, or none of them is: whatever fails, and wherever."""

import errno
import os
from pathlib import Path

import pytest

from mesh.cli.together import write_together
from mesh.errors import MeshError


@pytest.fixture
def texts(tmp_path):
    """Two new files, one in new folders, and two that are changed."""
    for name in ("c.yaml", "d.yaml"):
        (tmp_path / name).write_text("before")
    (tmp_path / "d.yaml").chmod(0o640)
    return {
        tmp_path / "new" / "deep" / "a.py": "a\r\n",
        tmp_path / "b.py": "b",
        tmp_path / "c.yaml": "c",
        tmp_path / "d.yaml": "d",
    }


def found(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fail_at(monkeypatch, owner, name, number, error=FULL):
    """Have the disk be full at the call of this number."""
    calls, real = [], getattr(owner, name)

    def failing(*arguments, **options):
        calls.append(arguments)
        if len(calls) == number:
            raise error
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, failing)


def test_everything_is_written_and_nothing_else_is_left(texts, tmp_path):
    write_together(texts)
    assert found(tmp_path) == {
        "new": None,
        "new/deep": None,
        "new/deep/a.py": b"a\r\n",
        "b.py": b"b",
        "c.yaml": b"c",
        "d.yaml": b"d",
    }
    assert (tmp_path / "d.yaml").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("call", ["write_text", "replace"])
def test_a_full_disk_leaves_files_and_folders_as_they_were(
    texts, tmp_path, monkeypatch, call, number
):
    before = found(tmp_path)
    with monkeypatch.context() as patched:
        fail_at(patched, Path, call, number)
        with pytest.raises(MeshError, match="it cannot be written: No space left") as raised:
            write_together(texts)
    assert raised.value.where == str(list(texts)[number - 1])
    assert found(tmp_path) == before
    write_together(texts)


@pytest.mark.parametrize("number", [1, 2])
def test_a_folder_that_cannot_be_made_leaves_no_other(texts, tmp_path, monkeypatch, number):
    before = found(tmp_path)
    fail_at(monkeypatch, Path, "mkdir", number)
    with pytest.raises(MeshError, match="it cannot be written"):
        write_together(texts)
    assert found(tmp_path) == before


def test_a_file_where_a_folder_should_be_is_told(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(MeshError, match="it cannot be written"):
        write_together({tmp_path / "first.py": "", tmp_path / "taken" / "a.py": ""})
    assert found(tmp_path) == {"taken": b""}


def test_what_stops_the_command_leaves_nothing_either(texts, tmp_path, monkeypatch):
    before = found(tmp_path)
    with monkeypatch.context() as patched:
        fail_at(patched, Path, "replace", 3, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            write_together(texts)
    assert found(tmp_path) == before


def test_a_link_stays_one(tmp_path):
    (tmp_path / "real.yaml").write_text("before")
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    write_together({tmp_path / "link.yaml": "after"})
    assert (tmp_path / "link.yaml").is_symlink()
    assert (tmp_path / "real.yaml").read_text() == "after"
