"""`mesh token` makes tokens, lists them without their secrets, and ends them."""

import json


def test_a_token_is_shown_once(empty_mesh):
    made = empty_mesh("token", "create", "--as", "ada", "--scope", "write", "--note", "notebook")
    assert made.exit_code == 0, made.output
    secret = made.stdout.splitlines()[0]
    assert secret.startswith("mesh_")
    listed = empty_mesh("token", "list")
    assert secret not in listed.output
    for word in ("ada", "write", "valid", "never", "notebook", "1 token"):
        assert word in listed.output


def test_a_revoked_token_is_listed_as_such(empty_mesh):
    made = json.loads(
        empty_mesh("token", "create", "--as", "bo", "--scope", "read", "--json").stdout
    )
    done = empty_mesh("token", "revoke", made["id"])
    assert f"token {made['id']} of bo is revoked" in done.output
    (found,) = json.loads(empty_mesh("token", "list", "--json").stdout)
    assert (found["state"], found["scopes"]) == ("revoked", ["read"])
    assert "token" not in found


def test_a_token_is_for_reading_unless_more_is_said(empty_mesh):
    made = json.loads(empty_mesh("token", "create", "--as", "bo", "--json").stdout)
    assert made["scopes"] == ["read"]


def test_several_scopes_may_be_given(empty_mesh):
    made = empty_mesh(
        "token", "create", "--as", "bo", "--scope", "events", "--scope", "read", "--json"
    )
    assert json.loads(made.stdout)["scopes"] == ["read", "events"]


def test_what_cannot_be_is_refused_with_what_can(empty_mesh):
    scope = empty_mesh("token", "create", "--as", "bo", "--scope", "all")
    assert scope.exit_code == 1
    assert "scopes are read, events, publish, write, admin" in scope.output
    expires = empty_mesh("token", "create", "--as", "bo", "--scope", "read", "--expires", "soon")
    assert "90d" in expires.output or "not a duration" in expires.output
    long = empty_mesh("token", "create", "--as", "bo", "--scope", "read", "--expires", "9999999w")
    assert long.exit_code == 1
    assert "Traceback" not in long.output
    unknown = empty_mesh("token", "revoke", "nothing")
    assert "there is no token 'nothing'" in unknown.output
