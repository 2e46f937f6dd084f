"""The words of a SQL check constraint, read left to right.

Owns the splitting of the text into names, literals and signs, and the position in it. Knows no
grammar: that is `contracts.sql_checks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mesh.errors import ContractDefinitionError, Problem

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")+")"""
    r"""|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<word>[A-Za-z_]\w*)"""
    r"""|(?P<sign><=|>=|<>|!=|==|[-+=<>(),]))"""
)
_DEEPEST = 20
_REFUSED = "cannot become a rule of the contract"
_HINT = (
    "write it as a >= 0, a <= b, a between 0 and 1, a in ('x', 'y'), a like 'x%', length(a) = 3, "
    "regexp_full_match(a, '…'), joined by `and`; anything else goes into an adjoining Pandera model"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A name, literal or sign. `kind` is string, quoted, number, word or sign."""

    kind: str
    text: str

    @property
    def word(self) -> str:
        """A bare word or sign in lower case; empty for anything in quotes."""
        return self.text.lower() if self.kind in {"word", "sign"} else ""

    @property
    def content(self) -> str:
        """What stands between the quotes."""
        quote = self.text[0]
        return self.text[1:-1].replace(quote * 2, quote)


class Tokens:
    """A constraint's words, and how far they were read."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self._tokens = list(self._split())
        self._at = 0

    def peek(self) -> Token:
        """The next token; one without text at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else Token("end", "")

    def next(self) -> Token:
        """The next token, read. Raises ContractDefinitionError at the end."""
        token = self.peek()
        if token.kind == "end":
            raise self.refusal()
        self._at += 1
        return token

    def take(self, word: str) -> bool:
        """Whether `word` comes next; if so it is read."""
        if self.peek().word != word:
            return False
        self._at += 1
        return True

    def expect(self, *words: str) -> None:
        """Read these words. Raises ContractDefinitionError when others come."""
        for word in words:
            if not self.take(word):
                raise self.refusal()

    def is_following(self, kind: str) -> bool:
        """Whether the token after the next is of a kind."""
        return self._at + 1 < len(self._tokens) and self._tokens[self._at + 1].kind == kind

    def refusal(self, hint: str = _HINT, what: str = _REFUSED) -> ContractDefinitionError:
        """The error that says why the constraint is no rule."""
        return ContractDefinitionError([Problem(f"check `{self.expression}` {what}", hint=hint)])

    def _split(self) -> Iterator[Token]:
        position, text = 0, self.expression.rstrip()
        if text.count("(") > _DEEPEST:
            raise self.refusal()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self.refusal()
            kind = str(match.lastgroup)
            yield Token(kind, match[kind])
            position = match.end()
