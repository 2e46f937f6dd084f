"""Settings come from the environment and from `[tool.mesh]`, or say all that is wrong with them."""

import os
from pathlib import Path

import pytest

from mesh.errors import SettingsError
from mesh.settings import Settings, find_root, load


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch):
    for name in [n for n in os.environ if n.startswith("MESH_")]:
        monkeypatch.delenv(name)


def mesh_at(folder: Path, table: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(f"[tool.mesh]\n{table}", encoding="utf-8")
    return folder


def test_a_mesh_without_settings_has_those_of_a_fresh_clone(tmp_path):
    settings = load(mesh_at(tmp_path))
    assert settings.root == tmp_path
    assert settings.environment == "dev"
    assert settings.storage_url == f"{tmp_path}/.mesh/lake/dev"
    assert settings.path(settings.domains) == tmp_path / "domains"
    assert settings.dagster_folder == tmp_path / ".mesh/dagster"
    assert settings.catalog_url.startswith(f"sqlite:///{tmp_path}/.mesh/")
    assert settings.publishing.workers >= 1


def test_a_folder_without_a_project_file_has_them_too(tmp_path):
    assert load(tmp_path).environment == "dev"


def test_the_file_is_read(tmp_path):
    table = """
        environment = "prod"
        storage = "s3://lake/tables/"
        domains = "teams"
        state = "/var/mesh"
        [tool.mesh.storage_options]
        aws_region = "eu-central-1"
        [tool.mesh.publishing]
        workers = 3
        [tool.mesh.catalog]
        url = "postgresql://catalog"
    """
    settings = load(mesh_at(tmp_path, table))
    assert settings.storage_url == "s3://lake/tables/prod"
    assert settings.storage_options == {"aws_region": "eu-central-1"}
    assert settings.path(settings.domains) == tmp_path / "teams"
    assert settings.path(settings.state) == Path("/var/mesh")
    assert settings.publishing.workers == 3
    assert settings.catalog_url == "postgresql://catalog"


def test_the_environment_wins_over_the_file_and_an_argument_over_both(tmp_path, monkeypatch):
    root = mesh_at(tmp_path, 'environment = "file"\nstorage = "kept"')
    monkeypatch.setenv("MESH_ENVIRONMENT", "environment")
    assert load(root).environment == "environment"
    assert load(root).storage == "kept"
    assert load(root, environment="argument").environment == "argument"


def test_a_nested_name_is_set_by_two_underscores(tmp_path, monkeypatch):
    root = mesh_at(tmp_path, "publishing = { workers = 2, batch_rows = 7 }")
    monkeypatch.setenv("MESH_PUBLISHING__WORKERS", "5")
    monkeypatch.setenv("MESH_CATALOG__URL", "sqlite:///elsewhere.db")
    monkeypatch.setenv("MESH_STORAGE_OPTIONS__AWS_ENDPOINT_URL", "http://localhost")
    settings = load(root)
    assert (settings.publishing.workers, settings.publishing.batch_rows) == (5, 7)
    assert settings.catalog.url == "sqlite:///elsewhere.db"
    assert {n.lower(): v for n, v in settings.storage_options.items()} == {
        "aws_endpoint_url": "http://localhost"
    }


def test_every_value_that_cannot_be_used_is_told_at_once(tmp_path, monkeypatch):
    table = 'storag = "x"\n[tool.mesh.publishing]\nbatch_rows = 0\nthreads = 2'
    monkeypatch.setenv("MESH_PUBLISHING__WORKERS", "many")
    monkeypatch.setenv("MESH_ENVIRONMENT", "../prod")
    with pytest.raises(SettingsError) as caught:
        load(mesh_at(tmp_path, table))
    message = str(caught.value)
    assert "storag: there is no such setting" in message
    assert "publishing.threads: there is no such setting" in message
    assert "publishing.batch_rows: Input should be greater than or equal to 1" in message
    assert "publishing.workers: Input should be a valid integer" in message
    assert "'../prod' cannot be a" in message
    assert "docs/reference/settings.md" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[tool.mesh\n", "it is not TOML"),
        (b"[tool.mesh]\nenvironment = '\xff'", "it is not TOML"),
        (b"[tool]\nmesh = 3", r"\[tool.mesh\] is not a table"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, problem):
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=problem) as caught:
        load(tmp_path)
    assert caught.value.where == str(tmp_path / "pyproject.toml")


def test_a_mapping_in_the_environment_that_is_not_json_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("MESH_STORAGE_OPTIONS", "secret")
    with pytest.raises(SettingsError, match="storage_options"):
        load(mesh_at(tmp_path))


def test_an_unknown_argument_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="storag: there is no such setting"):
        load(mesh_at(tmp_path), storag="x")


def test_settings_do_not_change_and_do_not_show_secrets(tmp_path):
    settings = load(mesh_at(tmp_path), storage_options={"aws_secret_access_key": "hidden"})
    assert "hidden" not in repr(settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.environment = "prod"


def test_the_root_is_the_nearest_folder_above_that_holds_a_mesh(tmp_path, monkeypatch):
    root = mesh_at(tmp_path / "mesh")
    below = root / "domains" / "weather"
    below.mkdir(parents=True)
    assert find_root(below) == root
    monkeypatch.chdir(below)
    assert load().root == root


def test_a_project_that_is_no_mesh_is_passed_by(tmp_path):
    root = mesh_at(tmp_path)
    inner = root / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text('[project]\nname = "other"', encoding="utf-8")
    assert find_root(inner) == root


def test_where_there_is_no_mesh_the_folder_itself_is_the_root(tmp_path):
    assert find_root(tmp_path) == tmp_path.resolve()


def test_the_environment_may_say_where_the_mesh_is(tmp_path, monkeypatch):
    elsewhere = mesh_at(tmp_path / "elsewhere", 'environment = "there"')
    monkeypatch.chdir(mesh_at(tmp_path / "here", 'environment = "here"'))
    monkeypatch.setenv("MESH_ROOT", str(elsewhere))
    assert load().environment == "there"
    assert load(tmp_path / "here").environment == "here"


def test_every_setting_says_what_it_is():
    assert all(field.description for field in Settings.model_fields.values())
