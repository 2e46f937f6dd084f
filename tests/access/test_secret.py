"""The secret of hashed columns is set, or made once and kept where nobody else reads it."""

import threading
from dataclasses import replace

import pytest

from mesh.access.secret import FILE, MaskSecret, holder_of
from mesh.errors import SettingsError
from mesh.settings import AccessSettings, Settings, load
from tests.access.ports import ANA, agreement, view_of

SECRET = "s" * 32


def test_one_that_is_not_set_is_made_once_and_kept(tmp_path):
    settings = Settings(root=tmp_path)
    made = MaskSecret.of(settings)
    assert MaskSecret.of(settings) == made
    file = tmp_path / ".mesh" / "dev" / FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert MaskSecret.of(Settings(root=tmp_path, environment="prod")) != made


def test_all_who_make_one_at_once_have_the_same(tmp_path):
    found = []
    settings = Settings(root=tmp_path)
    threads = [
        threading.Thread(target=lambda: found.append(MaskSecret.of(settings))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / ".mesh" / "dev").iterdir()] == [FILE]


def test_one_that_others_may_read_is_not_used(tmp_path):
    settings = Settings(root=tmp_path)
    MaskSecret.of(settings)
    (tmp_path / ".mesh" / "dev" / FILE).chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        MaskSecret.of(settings)


def test_one_that_is_set_goes_before_and_is_never_shown(tmp_path):
    settings = Settings(root=tmp_path, access=AccessSettings(secret=SECRET))
    found = MaskSecret.of(settings)
    assert not (tmp_path / ".mesh").exists()
    assert SECRET not in f"{settings!r} {found!r} {found.id} {found.key_for('a')!r}"


def test_a_short_one_is_refused_without_being_shown(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("[tool.mesh]\n", encoding="utf-8")
    monkeypatch.setenv("MESH_ACCESS__SECRET", "too-short")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path)
    assert "too-short" not in str(caught.value)


def test_another_secret_has_another_id_and_other_keys():
    one, other = MaskSecret(b"a" * 32), MaskSecret(b"b" * 32)
    assert one.id != other.id
    assert one.key_for("x") != other.key_for("x")
    assert one.key_for("x") != one.key_for("y")
    assert one.id not in one.key_for("x").hex()


def test_each_agreement_and_who_has_none_see_hashes_of_their_own():
    views = [
        view_of(),
        view_of(principal=replace(ANA, name="bob@example.com")),
        view_of(agreement=agreement("a1")),
        view_of(agreement=agreement("a2")),
        view_of(agreement=agreement("automatic")),
        view_of(agreement=agreement("automatic", "shop.trips_v1")),
        view_of(agreement=agreement(ANA.name)),
    ]
    assert len({holder_of(view) for view in views}) == len(views)
    shared = view_of(agreement=agreement("a1"), principal=replace(ANA, name="bob@example.com"))
    assert holder_of(shared) == holder_of(view_of(agreement=agreement("a1")))
