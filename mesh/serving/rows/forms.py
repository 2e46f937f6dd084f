"""The forms of an answer: JSON, CSV, Arrow, as a client's `Accept` says.

Owns which form is answered with. The writing is `mesh.reading.writing`'s.
"""

from __future__ import annotations

import io
import json

import polars as pl

from mesh.reading.writing import FORMATS
from mesh.serving.problems import ProblemError

JSON = "application/json"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
_FORMS = {JSON: "json", CSV: "csv", ARROW: "arrow"}
_ANY = ("*/*", "application/*", "")


def chosen(accept: str) -> str:
    """The media type to answer with. Raises ProblemError (406) where none is accepted."""
    wanted = []
    for place, part in enumerate(accept.split(",")):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        wanted.append((-_quality(parameters), place, JSON if name in _ANY else name))
    for refused, _, name in sorted(wanted):
        if refused < 0 and name in _FORMS:
            return name
    raise ProblemError(406, f"rows are answered as {', '.join(_FORMS)}")


def written(rows: pl.DataFrame, form: str) -> bytes:
    """Rows in a form; as JSON they are an array."""
    stream = io.BytesIO()
    FORMATS[_FORMS[form]](rows, stream)
    return stream.getvalue()


def page_json(rows: pl.DataFrame, following: str) -> bytes:
    """A page as JSON: its rows, and the cursor of the next or null."""
    told = json.dumps(following or None).encode()
    return b'{"items":' + written(rows, JSON).strip() + b',"next":' + told + b"}"


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
