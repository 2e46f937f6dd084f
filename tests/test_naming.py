"""A name is refused or it is safe everywhere: as a path, an asset key, an identifier and in SQL."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import InvalidNameError
from mesh.naming import (
    MAX_LENGTH,
    DatasetName,
    ProductId,
    column_name_problems,
    domain_name_problems,
    environment_name_problems,
    product_name_problems,
    split_versioned,
)

OBSERVATIONS = ProductId("weather", "observations", 1)
HOSTILE = [
    "", " ", "../x", "..", ".", "/etc/passwd", "a/b", "a\\b", "C:", "a:b", "~", "$HOME", "%2e%2e",
    "'", '"', "a'b", "x; DROP TABLE y", "x--", "x/*", "a b", "a\nb", "a\tb", "a\0b", "\x7f",
    "größe", "日本", "\uff57eather", "naïve", "a\u202eb", "\ufeffa", "a\u200bb", "😀",
    "Weather", "WEATHER", "wEather", "1st", "_a", "a_", "a__b", "-a", "a-b", "a.b", "a,b", "*", "?",
    "<x>", "{{x}}", "${x}", "%s", "x" * (MAX_LENGTH + 1),
]  # fmt: skip
KEYWORDS = ["class", "def", "import", "lambda", "from", "in", "is", "global", "yield"]
SQL = ["select", "table", "order", "group", "user", "where", "all", "union", "values", "null"]
DEVICES = ["con", "nul", "aux", "prn", "com1", "lpt9"]
OWN = ["mesh", "domains", "assets", "quarantine"]


def test_a_product_is_called_the_same_in_every_place():
    assert str(OBSERVATIONS) == "weather.observations_v1"
    assert OBSERVATIONS.versioned == "observations_v1"
    assert OBSERVATIONS.asset_key == ("weather", "observations_v1")
    assert OBSERVATIONS.table_path == "weather/observations/v1"
    assert OBSERVATIONS.quarantine_path == "weather/observations/v1_quarantine"
    assert OBSERVATIONS.sql_name == "weather.observations_v1"
    assert OBSERVATIONS.module_name == OBSERVATIONS.dbt_name == "observations"
    assert OBSERVATIONS.class_name == "Observations"


def test_a_later_major_is_a_product_of_its_own():
    later = ProductId("punctuality", "daily_on_time", 12)
    assert str(later) == "punctuality.daily_on_time_v12"
    assert later.table_path == "punctuality/daily_on_time/v12"
    assert later.module_name == "daily_on_time_v12"
    assert later.class_name == "DailyOnTime"


def test_a_name_reads_back_as_it_was_written():
    assert ProductId.parse("weather.observations_v1") == OBSERVATIONS
    assert ProductId.parse("a.b_c_v9999") == ProductId("a", "b_c", 9999)


def test_a_products_table_leads_back_to_it():
    assert ProductId.of_path("weather/observations/v1") == OBSERVATIONS
    assert ProductId.of_path(ProductId("a", "b_c", 9999).table_path) == ProductId("a", "b_c", 9999)


@pytest.mark.parametrize(
    "path",
    [
        "weather/observations/v1_quarantine", "weather/observations/v1_unchanged",
        "weather/observations/v01", "weather/observations/v0", "weather/observations/v10000",
        "weather/observations/v1/", "weather/observations/v1\n", "/weather/observations/v1",
        "dev/weather/observations/v1", "weather/observations", "weather/observations_v1/v1",
        "weather__x/observations/v1", "select/observations/v1", "weather/class/v1", "_mesh/x/v1",
        *(f"{hostile}/observations/v1" for hostile in HOSTILE),
        *(f"weather/{hostile}/v1" for hostile in HOSTILE),
    ],
)  # fmt: skip
def test_a_path_that_is_no_products_table_leads_nowhere(path):
    assert ProductId.of_path(path) is None


parts = st.from_regex(r"[a-z][a-z0-9]{0,8}(_[a-z0-9]{1,8}){0,3}", fullmatch=True)


@given(parts, parts, st.integers(1, 9999))
def test_what_is_accepted_is_safe_everywhere(domain, name, major):
    try:
        product = ProductId(domain, name, major)
    except InvalidNameError:
        return
    assert ProductId.parse(str(product)) == product
    assert re.fullmatch(r"[a-z0-9_]+/[a-z0-9_]+/v[0-9]+", product.table_path)
    assert all(part.isidentifier() for part in product.asset_key)


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_written_is_a_product_or_a_refusal(domain, name):
    try:
        product = ProductId.parse(f"{domain}.{name}")
    except InvalidNameError:
        return
    assert re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*_v[1-9][0-9]*", str(product))


@pytest.mark.parametrize("name", [*HOSTILE, *KEYWORDS, *SQL, *DEVICES, *OWN], ids=ascii)
def test_a_hostile_or_reserved_name_is_refused(name):
    assert domain_name_problems(name)
    assert product_name_problems(name)
    with pytest.raises(InvalidNameError):
        ProductId(name, "observations", 1)
    with pytest.raises(InvalidNameError):
        ProductId("weather", name, 1)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_no_environment_either(name):
    assert environment_name_problems(name)


@pytest.mark.parametrize(
    "text",
    [
        "", "weather", "weather.", ".observations_v1", "weather.observations", "weather_v1",
        "weather.observations_v0", "weather.observations_v01", "weather.observations_v10000",
        "weather.observations_v1.csv", "weather.sub.observations_v1", "weather.observations_v1 ",
        " weather.observations_v1", "weather.observations_v1\n", "weather/observations_v1",
        "weather.observations_V1", "weather.observations_v1; DROP TABLE x", "weather._v1",
        "../weather.observations_v1", "weather.../x_v1", "weather.observations_v-1",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_is_no_products_name_is_refused_with_what_one_looks_like(text):
    with pytest.raises(InvalidNameError) as caught:
        ProductId.parse(text)
    assert all(problem.what for problem in caught.value.problems)


def test_the_hint_shows_a_name_that_would_do():
    (problem,) = domain_name_problems("Punctuality & Delays!")
    assert problem.hint.endswith("such as 'punctuality_delays'")
    (problem,) = domain_name_problems("日本")
    assert problem.hint.endswith("for a domain")
    with pytest.raises(InvalidNameError, match=r"write domain\.product_v1"):
        ProductId.parse("observations")


def test_both_parts_of_a_wrong_name_are_told_at_once():
    with pytest.raises(InvalidNameError) as caught:
        ProductId("Weather", "Observations", 0)
    assert [problem.what for problem in caught.value.problems] == [
        "'Weather' cannot be a domain's name",
        "'Observations' cannot be a product's name",
        "major version 0 is not between 1 and 9999",
    ]


def test_a_products_own_name_carries_no_version():
    (problem,) = product_name_problems("observations_v2")
    assert problem.what == "product name 'observations_v2' ends in a version"
    assert product_name_problems("observations_v2x") == []


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("observations", ("observations", None)),
        ("observations_v2", ("observations", 2)),
        ("observations_v0", ("observations_v0", None)),
        ("v2", ("v2", None)),
        ("a_v1_v2", ("a_v1", 2)),
    ],
)
def test_a_major_is_split_from_a_functions_name(name, parts):
    assert split_versioned(name) == parts


def test_names_as_long_as_postgresql_takes_are_taken():
    assert domain_name_problems("x" * MAX_LENGTH) == []
    assert len(domain_name_problems("x" * (MAX_LENGTH + 1))) == 1


def test_a_columns_name_is_freer_but_not_free():
    for name in ("wind_speed_mph", "Größe", "a-b", "$x", "x" * 255):
        assert column_name_problems(name) == []
    for name in ("", "a b", "a.b", "*", "^a$", "a'", "x" * 256, "ä" * 128, "\ud800", "_mesh_row"):
        assert len(column_name_problems(name)) == 1


@pytest.mark.parametrize(
    ("url", "namespace", "name"),
    [
        (
            "/data/lake/dev/weather/observations/v1",
            "file",
            "/data/lake/dev/weather/observations/v1",
        ),
        ("file:///data/orders/", "file", "/data/orders"),
        ("s3://bucket/dev/weather/observations/v1", "s3://bucket", "dev/weather/observations/v1"),
        ("s3a://bucket/orders", "s3://bucket", "orders"),
        ("abfss://box@account.dfs/a/b", "abfss://box@account.dfs", "a/b"),
    ],
)
def test_a_table_has_the_name_that_openlineage_gives_it(url, namespace, name):
    assert DatasetName.of_url(url) == DatasetName(namespace, name)


@pytest.mark.parametrize(
    ("namespace", "name", "normal"),
    [
        ("s3a://bucket/", "/orders/", DatasetName("s3://bucket", "orders")),
        ("file", "/data/orders", DatasetName("file", "/data/orders")),
        ("file:", "/data/orders/", DatasetName("file", "/data/orders")),
        ("file://", "data/orders", DatasetName("file", "/data/orders")),
        ("postgres://db:5432", "shop.public.orders", None),
        ("bigquery", "shop.orders", None),
    ],
)
def test_producers_spell_one_dataset_in_several_ways(namespace, name, normal):
    named = DatasetName(namespace, name)
    assert named.normal() == (normal or named)
    assert named.normal().normal() == named.normal()


@given(
    one=st.tuples(st.text(), st.text()),
    other=st.tuples(st.text(), st.text()),
)
def test_a_key_is_of_one_dataset_and_short(one, other):
    keys = [DatasetName(*pair).key for pair in (one, other)]
    assert (keys[0] == keys[1]) is (one == other)
    assert len(DatasetName("s3://bucket", "x" * 5_000).key.encode()) < 300
