"""Patterns mean what ECMA-262 says, in Rust's words, or are refused."""

import polars as pl
import pytest

from mesh.contracts.patterns import rust_pattern


@pytest.mark.parametrize(
    ("pattern", "found", "not_found"),
    [
        (r"^\d+$", ["12"], ["١٢", "a", "12\n"]),
        (r"[\d-x]", ["-", "1"], ["a"]),
        (r"[\w.-]+@x", ["a.b@x"], ["@x"]),
        (r"a{,2}", ["a{,2}"], ["aa"]),
        (r"^[^]$", ["\n"], [""]),
        (r"[]", [], ["", "a"]),
        (r"\bé", ["aé"], ["a"]),
        (r"^\p{L}+$", ["éa"], ["1"]),
        (r"[[]", ["["], ["a"]),
        (r"[a&&b]", ["&"], ["c"]),
        (r"\/x", ["/x"], ["x"]),
        (r"^[+--]$", ["+", ",", "-"], ["a"]),
        (r"\u00e9\x41", ["éA"], ["e"]),
        (r"^.$", ["a"], ["\u2028", "\r"]),
        (r"^(?:a|b){2}$", ["ab"], ["abc"]),
        (r"[\]]", ["]"], ["["]),
        (r"\cJ", ["\n"], ["J"]),
        (r"(?<year>\d{4})-\d\d", ["on 2020-01"], ["2020"]),
        (r"[^\D]", ["1"], ["a"]),
        (r"\S", ["a"], ["\ufeff", " "]),
    ],
)
def test_a_pattern_is_found_where_ecma_finds_it(pattern, found, not_found):
    texts = pl.Series([*found, *not_found], dtype=pl.String)
    expected = [True] * len(found) + [False] * len(not_found)
    assert texts.str.contains(rust_pattern(pattern)).to_list() == expected


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(?=a)", "look-ahead"),
        (r"a(?!b)", "look-ahead"),
        (r"(?<!a)b", "look-behind"),
        (r"(a)\1", "back-reference"),
        (r"(?<n>a)\k<n>", "back-reference"),
        ("a\\", "backslash"),
        ("[a", "not closed"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(pattern, why):
    with pytest.raises(ValueError, match=why):
        rust_pattern(pattern)
