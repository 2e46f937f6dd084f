"""Formats: which texts have them, and which names there are."""

import polars as pl
import pytest

from mesh.contracts.formats import ANNOTATIONS, NAMES, format_of
from mesh.contracts.value_checks import ValueCheck

CASES = {
    "email": (["a@b.c", "a.b+c@d-e.fr"], ["a", "a@", "@b", "a@b..c", "a b@c"]),
    "ipv4": (["1.2.3.4", "255.255.255.255"], ["256.1.1.1", "1.2.3", "01.2.3.4"]),
    "ipv6": (
        ["::", "::1", "1:2:3:4:5:6:7:8", "fe80::1", "::ffff:1.2.3.4", "1::8", "1:2:3:4:5:6:7::"],
        ["1:2:3", "::g", "1::2::3", "1:2:3:4:5:6:7:8:9", ":1", "1:2:3:4:5:6:7"],
    ),
    "uri": (["http://a.b/c?d#e", "urn:isbn:1", "mailto:a@b"], ["a/b", "http://a b", "//x", "%"]),
    "uuid": (
        ["123e4567-e89b-12d3-a456-426614174000"],
        ["123e4567e89b12d3a456426614174000", "x123e4567-e89b-12d3-a456-426614174000"],
    ),
    "hostname": (["a.b", "localhost"], ["-a", "a_b", "a..b", "x" * 64, "a." * 127 + "aa"]),
    "byte": (["", "YQ==", "YWI=", "YWJj"], ["Y", "Y===", "YQ=", "$"]),
    "date": (["2020-02-29"], ["2021-02-29", "2020-2-1", "2020-13-01", "2020-02-29 "]),
    "time": (["10:00:00Z", "23:59:60.5+01:00"], ["10:00:00", "24:00:00Z"]),
    "date-time": (
        ["2020-02-29T10:00:00Z", "2020-01-01T00:00:00.1+01:00"],
        ["2020-01-01", "2021-02-29T10:00:00Z", "2020-01-01T25:00:00Z"],
    ),
    "duration": (["P1D", "PT5M", "P1Y2M3DT4H5M6.5S", "P2W"], ["1D", "P1", "P", "P1DT"]),
    "yyyy-MM-dd HH:mm:ss": (["2020-02-29 10:00:00"], ["2020-02-30 10:00:00", "2020-02-29"]),
    "dd.MM.yyyy": (["29.02.2020"], ["29.02.2021", "29-02-2020"]),
    "yyyy-MM-dd'T'HH:mm:ss.SSSXXX": (["2020-02-29T10:00:00.123+01:00"], ["2020-02-29T10:00:00Z"]),
    "d MMM yyyy": (["1 Jan 2020"], ["1 Foo 2020", "01 Jan 2020"]),
    "password": (["", "a\nb"], []),
}


@pytest.mark.parametrize("name", CASES)
def test_a_text_has_a_format_or_not(name):
    good, bad = CASES[name]
    frame = pl.DataFrame({"a": [*good, *bad]}, schema={"a": pl.String})
    kept = frame.select(ValueCheck("format", {"name": name}).expression(("a",), frame.schema))
    assert kept.to_series().to_list() == [True] * len(good) + [False] * len(bad)


def test_every_format_with_a_name_is_tried():
    assert set(NAMES) <= set(CASES)
    assert all(format_of(name).regex == "(?s:.*)" for name in ANNOTATIONS)


@pytest.mark.parametrize("name", ["e-mail", "", "qqq", "yyyy-bb"])
def test_a_format_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="is no format"):
        format_of(name)
