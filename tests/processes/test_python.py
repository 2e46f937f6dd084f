"""A call of the warm process is what a call of Python is."""

import os
import subprocess

import pytest

from tests.house.repository import ROOT
from tests.processes.python import RUN_MESH, cold_python, python

HERE = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}/nowhere", "TZ": "Asia/Tokyo"}


def called(call, folder, *words, **options):
    done = call(*words, cwd=folder, env=HERE, **options)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("import sys; print(sys.argv, sys.path[:3], __name__)", 0),
        ("import os; print(os.getcwd(), dict(os.environ))", 0),
        ("import time; print(time.strftime('%z'))", 0),
        ("import tempfile; print(tempfile.gettempdir())", 0),
        ("import sys; print(sys.stdin.read(), sys.stdout.isatty(), sys.stdout.encoding)", 0),
        ("import sys; print('ü', file=sys.stderr); sys.exit(3)", 3),
        ("raise SystemExit('it says why')", 1),
        ("import sys; sys.exit(256)", 0),
        ("import atexit; atexit.register(print, 'at last'); print('first')", 0),
        ("import threading, time; threading.Timer(0.1, print, ['later']).start()", 0),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
    ],
)
def test_it_says_and_ends_as_one_that_starts_from_nothing(tmp_path, script, code):
    warm = called(python, tmp_path, "-c", script, "one", "two words")
    assert warm == called(cold_python, tmp_path, "-c", script, "one", "two words")
    assert warm[0] == code


def test_an_exception_is_told_and_exits_with_1(tmp_path):
    code, said, errors = called(python, tmp_path, "-c", "{}['nothing']")
    assert (code, said) == (1, "")
    assert errors.endswith("KeyError: 'nothing'\n")


def test_both_streams_may_be_one(tmp_path):
    script = "import os; os.write(1, b'1'); os.write(2, b'2'); os.write(1, b'3')"
    assert called(python, tmp_path, "-c", script, stderr=subprocess.STDOUT) == (0, "123", "")


def test_calls_know_nothing_of_each_other(tmp_path):
    called(python, tmp_path, "-c", "import mesh, os; mesh.left = os.environ['LEFT'] = 'behind'")
    script = "import mesh, os; print(hasattr(mesh, 'left'), 'LEFT' in os.environ)"
    assert called(python, tmp_path, "-c", script) == (0, "False False\n", "")


def test_each_call_has_chances_of_its_own(tmp_path):
    script = "import random, numpy; print(random.random())"
    assert len({called(python, tmp_path, "-c", script) for _ in range(3)}) == 3


def test_modules_are_as_they_are_on_disk(tmp_path):
    for said in ("before", "after"):
        (tmp_path / "changing.py").write_text(f"print({said!r})")
        assert called(python, tmp_path, "-c", "import changing") == (0, f"{said}\n", "")
        assert called(python, tmp_path, "-m", "changing") == (0, f"{said}\n", "")


def test_libraries_with_threads_work(tmp_path):
    script = (
        "import deltalake, duckdb, polars as pl, pyarrow.dataset as ds\n"
        "rows = pl.LazyFrame({'n': range(100_000)}).with_columns(k=pl.col('n') % 7)\n"
        "few = rows.group_by('k').agg(pl.len()).sort('k').collect(engine='streaming')\n"
        "deltalake.write_deltalake('table', few.to_arrow())\n"
        "again = deltalake.DeltaTable('table').to_pyarrow_dataset().to_table()\n"
        "print(again.num_rows, duckdb.sql('select sum(len) from again').fetchall())\n"
    )
    assert called(python, tmp_path, "-c", script) == (0, "7 [(100000,)]\n", "")


def test_a_call_that_takes_too_long_is_killed_and_the_next_one_is_answered(tmp_path):
    with pytest.raises(subprocess.TimeoutExpired):
        called(python, tmp_path, "-c", "import time; time.sleep(60)", timeout=0.2)
    assert called(python, tmp_path, "-c", "print(1)") == (0, "1\n", "")


def test_what_python_reads_before_its_first_line_comes_too_late(tmp_path):
    with pytest.raises(AssertionError, match="PYTHONIOENCODING"):
        python("-c", "", cwd=tmp_path, env=HERE | {"PYTHONIOENCODING": "ascii"})


def test_mesh_is_the_mesh_of_this_repository(tmp_path):
    _, warm, _ = called(python, tmp_path, "-c", RUN_MESH, "--help")
    assert "Publish, find and read data products." in warm
    assert warm == called(cold_python, tmp_path, "-c", RUN_MESH, "--help")[1]
