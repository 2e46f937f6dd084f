"""Errors are one tree, and say what, where and what to do next, in words and as attributes."""

import inspect
import re

import pytest

from mesh import errors
from mesh.errors import (
    CatalogLostError,
    CatalogUnavailableError,
    CommitConflictError,
    DefinitionError,
    ManifestError,
    MeshError,
    NotErasedError,
    Problem,
    ProviderUnavailableError,
    StorageFullError,
    StoreUnavailableError,
    Transient,
    UnknownColumnError,
    UnknownProductError,
    did_you_mean,
    near_names,
)

CLASSES = [
    c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == "mesh.errors"
]
TREE = [c for c in CLASSES if issubclass(c, MeshError)]


def test_the_tree_that_is_drawn_is_the_tree_that_there_is():
    drawn = []
    above: list[str] = []
    for line in (inspect.getdoc(errors) or "").splitlines():
        if found := re.match(r"^[\s│├└─]*\b(\w+Error)\b", line):
            depth = found.start(1) // 4
            above = [*above[: depth - 1], found[1]]
            drawn.append((found[1], above[-2] if len(above) > 1 else None))
    real = [(c.__name__, None if c is MeshError else c.__bases__[0].__name__) for c in TREE]
    assert sorted(drawn, key=str) == sorted(real, key=str)


@pytest.mark.parametrize("kind", TREE)
def test_every_error_has_one_suffix_and_says_what_it_is(kind):
    assert kind.__name__.endswith("Error")
    assert inspect.getdoc(kind)


def test_an_error_says_what_where_and_what_to_do_next():
    error = MeshError("the lake is closed", where="s3://lake", hint="open it")
    assert (error.what, error.where, error.hint) == ("the lake is closed", "s3://lake", "open it")
    assert str(error) == "s3://lake: the lake is closed\n  try: open it"
    assert str(MeshError("alone")) == "alone"


def test_an_error_of_several_problems_reports_each_of_them():
    error = ManifestError([Problem("one", "a.yaml:1", "mend it"), Problem("two", "a.yaml:2")])
    assert str(error) == "a.yaml:1: one\n  try: mend it\na.yaml:2: two"
    assert error.what == "one"
    assert len(error.problems) == 2


def test_problems_may_come_from_a_stream():
    error = DefinitionError(Problem(str(number)) for number in range(3))
    assert [problem.what for problem in error.problems] == ["0", "1", "2"]
    assert str(DefinitionError.of("one", where="here")) == "here: one"
    assert str(DefinitionError([])) == ""


def test_a_product_or_column_that_is_not_there_is_guessed():
    error = UnknownProductError("weather.observation_v1", ["weather.observations_v1", "a.b_v1"])
    assert error.near == ("weather.observations_v1",)
    assert "did you mean weather.observations_v1?" in str(error)
    column = UnknownColumnError("wnd", ["wind", "temperature"])
    assert (column.name, column.near) == ("wnd", ("wind",))


def test_what_cannot_be_guessed_is_listed():
    assert "`mesh list`" in UnknownProductError("zzz", ["weather.observations_v1"]).hint
    assert UnknownColumnError("zzz", ["wind", "gust"]).hint == "columns are wind, gust"


def test_near_names_are_few_and_the_best_is_first():
    known = [f"weather.observations_v{n}" for n in range(1, 9)]
    assert near_names("weather.observations_v3", known)[0] == "weather.observations_v3"
    assert len(near_names("weather.observations_v3", known)) == 3
    assert near_names("", known) == ()
    assert did_you_mean(["a", "b"]) == "did you mean a or b?"
    assert did_you_mean([]) == ""


def test_what_a_retry_may_mend_is_marked():
    transient = {c.__name__ for c in TREE if issubclass(c, Transient)}
    assert transient == {
        NotErasedError.__name__,
        StorageFullError.__name__,
        CommitConflictError.__name__,
        StoreUnavailableError.__name__,
        CatalogUnavailableError.__name__,
        CatalogLostError.__name__,
        ProviderUnavailableError.__name__,
    }
    assert not issubclass(Transient, MeshError)
