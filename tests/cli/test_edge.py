"""However a command fails, it ends in one readable block and a non-zero exit code."""

import pytest

from mesh.cli.console import visible


def test_an_error_is_one_block_without_a_traceback(empty_mesh):
    done = empty_mesh.cold_process("show", "shop.sails")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "there is no product 'shop.sails'\n  try: did you mean shop.sales_v1?\n"


@pytest.mark.parametrize("words", [["--debug", "show", "x.y"], ["show", "x.y", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(empty_mesh, words):
    done = empty_mesh.process(*words)

    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "UnknownProductError" in done.stderr


def test_an_unplanned_failure_names_the_place_and_how_to_see_more(empty_mesh):
    script = (
        "import mesh.cli.check as check\n"
        "def broken(*_): return {}['nothing']\n"
        "check._checked = broken\n"
        "from mesh.cli import main\n"
        "main(['check'])\n"
    )
    done = empty_mesh.python(script)

    assert done.returncode == 1
    assert "KeyError: 'nothing'" in done.stderr
    assert "--debug" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_cannot_be_used_are_a_readable_block(empty_mesh):
    done = empty_mesh.process("list", MESH_PUBLISHING__WORKERS="none")

    assert done.returncode == 1
    assert "publishing.workers" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_environment_is_a_name(empty_mesh):
    done = empty_mesh("list", "--env", "../prod")

    assert done.exit_code == 1
    assert "environment" in done.stderr


def test_a_root_that_is_not_there_is_told(empty_mesh):
    done = empty_mesh("list", "--root=no/such/place")

    assert done.exit_code == 1
    assert done.stderr == "no/such/place: there is no such folder\n"


def test_a_terminal_without_unicode_is_served(mesh):
    done = mesh.cold_process("read", "shop.sales", PYTHONIOENCODING="ascii")

    assert done.returncode == 0, done.stderr
    assert "sale_id" in done.stdout


def test_control_characters_are_written_out():
    assert visible("a\x1b[31m\tb\r\nc") == "a\\x1b[31m\\tb\\r\nc"
    assert visible("Zürich 東京") == "Zürich 東京"
