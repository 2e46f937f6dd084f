"""What `import mesh` offers, and the errors that it raises."""

import inspect
import re

import pytest

import mesh
from mesh import errors
from tests.house import reference

ERRORS = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, BaseException)
]


def test_the_exports_are_in_order_and_named_once():
    assert list(mesh.__all__) == sorted(set(mesh.__all__))


@pytest.mark.parametrize("name", sorted(mesh.__all__))
def test_every_export_resolves(name):
    assert getattr(mesh, name) is not None


@pytest.mark.parametrize("name", sorted(mesh.__all__))
def test_every_export_says_what_it_is(name):
    assert reference.description(name), f"mesh.{name} has no docstring"


def test_dir_lists_the_exports():
    assert set(mesh.__all__) <= set(dir(mesh))


def test_an_unknown_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = mesh.no_such_name


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_is_of_the_one_tree(error):
    if error is errors.Transient:
        return
    assert issubclass(error, errors.MeshError)
    assert error.__name__.endswith("Error")
    assert inspect.getdoc(error)


def test_the_tree_is_drawn_as_it_is():
    drawn = re.findall(r"^    ([│├└─ ]*)(\w+)", errors.__doc__, flags=re.MULTILINE)
    path, found = [], {}
    for indent, name in drawn:
        depth = len(indent) // 4
        path[depth:] = [name]
        found[name] = path[depth - 1] if depth else None
    real = {
        error.__name__: error.__bases__[0].__name__ if error is not errors.MeshError else None
        for error in ERRORS
        if error is not errors.Transient
    }
    assert found == real


def test_the_tree_marks_what_a_retry_can_mend():
    drawn = set(re.findall(r"(\w+Error) .*\(Transient\)", errors.__doc__))
    assert drawn == {
        error.__name__
        for error in ERRORS
        if issubclass(error, errors.Transient) and error is not errors.Transient
    }
