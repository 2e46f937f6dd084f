r"""Regular expressions of ECMA-262, as JSON Schema and ODCS have them, for Rust's regex.

Owns the translation. A pattern is found anywhere in a text unless it is anchored; `\d`, `\w` and
`\b` know ASCII only, `$` is the very end, `.` is no line break of any kind. Refuses (ValueError)
what Rust's regex cannot do in time that grows with the text: look-around and back-references.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CLASSES = {
    "d": "0-9",
    "w": "A-Za-z0-9_",
    "s": r"\t\n\x0B\f\r \u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000\uFEFF",
}
_ASSERTIONS = {"b": r"(?-u:\b)", "B": r"(?-u:\B)"}
_CONTROLS = {"t": r"\t", "n": r"\n", "v": r"\x0B", "f": r"\f", "r": r"\r", "0": r"\x00"}
_REFUSED = {
    "(?=": "look-ahead",
    "(?!": "look-ahead",
    "(?<=": "look-behind",
    "(?<!": "look-behind",
}
_HEXADECIMAL = re.compile(r"u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})")
_REPEAT = re.compile(r"\{\d+(?:,\d*)?\}")
_PROPERTY = re.compile(r"[pP]\{[A-Za-z0-9_=]+\}")


def rust_pattern(pattern: str) -> str:
    """The same regular expression for Polars. Raises ValueError that says what it cannot do."""
    return "".join(_Translation(pattern).pieces())


class _Translation:
    """Reads a pattern from left to right, once."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def pieces(self) -> Iterator[str]:
        while self.at < len(self.pattern):
            yield self._piece()

    def _piece(self) -> str:
        character = self.pattern[self.at]
        if character == "(":
            self._refuse_look_around()
        if character == "\\":
            return self._escape(is_in_class=False)
        if character == "[":
            return self._class()
        if character == "{" and (repeat := _REPEAT.match(self.pattern, self.at)):
            self.at = repeat.end()
            return repeat[0]
        self.at += 1
        if character == ".":
            return r"[^\n\r\u2028\u2029]"
        return f"\\{character}" if character in "{}]" else character

    def _refuse_look_around(self) -> None:
        for start, name in _REFUSED.items():
            if self.pattern.startswith(start, self.at):
                self._refuse(f"{name} `{start}…)`")

    def _escape(self, *, is_in_class: bool) -> str:
        self.at += 1
        if self.at == len(self.pattern):
            self._refuse("a backslash at its end")
        if found := _HEXADECIMAL.match(self.pattern, self.at):
            self.at = found.end()
            return f"\\u{{{found[1] or found[2] or found[3]}}}"
        if found := _PROPERTY.match(self.pattern, self.at):
            self.at = found.end()
            return f"\\{found[0]}"
        character = self.pattern[self.at]
        self.at += 1
        if character.lower() in _CLASSES:
            negated = "^" if character.isupper() else ""
            return f"[{negated}{_CLASSES[character.lower()]}]"
        if character == "b" and is_in_class:
            return r"\x08"
        if character in _ASSERTIONS and not is_in_class:
            return _ASSERTIONS[character]
        return self._character(character)

    def _character(self, character: str) -> str:
        if character == "c" and self.at < len(self.pattern):
            self.at += 1
            return f"\\x{{{ord(self.pattern[self.at - 1]) % 32:x}}}"
        if character in _CONTROLS and not (character == "0" and self._is_digit_next()):
            return _CONTROLS[character]
        if character.isdigit() or (character == "k" and "(?<" in self.pattern):
            self._refuse(f"a back-reference `\\{character}`")
        return re.escape(character)

    def _class(self) -> str:
        self.at += 1
        is_negated = self.pattern.startswith("^", self.at)
        self.at += is_negated
        found = [*self._members()]
        if not found:  # ECMA's empty classes: nothing, and everything
            return r"[\s\S]" if is_negated else r"[^\s\S]"
        return f"[{'^' if is_negated else ''}{''.join(found)}]"

    def _members(self) -> Iterator[str]:
        before = ""
        while self.at < len(self.pattern):
            character = self.pattern[self.at]
            if character == "]":
                self.at += 1
                return
            if character == "\\":
                yield self._escape(is_in_class=True)
                continue
            self.at += 1
            is_special = character in "[&~^" or before == character == "-"  # of Rust's classes
            yield f"\\{character}" if is_special else character
            before = character
        self._refuse("a class that is not closed")

    def _is_digit_next(self) -> bool:
        return self.pattern[self.at : self.at + 1].isdigit()

    def _refuse(self, what: str) -> None:
        message = f"pattern {self.pattern!r} has {what}, which Rust's regex cannot do"
        raise ValueError(message)
