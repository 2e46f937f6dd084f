"""How every answer is written.

Owns the base of all views, and the writing of JSON that any reader takes: no NaN, no lone
surrogates, both of which samples of bad rows have.
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from starlette.responses import JSONResponse


def _finite(value: Any) -> Any:
    """Plain values whose numbers JSON can hold; those that it cannot are texts."""
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


Plain = Annotated[Any, BeforeValidator(_finite)]
"""A value of any kind."""


class View(BaseModel):
    """A record as the API shows it."""

    model_config = ConfigDict(frozen=True, from_attributes=True, ser_json_inf_nan="strings")


class Answer(JSONResponse):
    """JSON in UTF-8. A character that is none is shown as `?`."""

    def render(self, content: Any) -> bytes:
        """The content as bytes."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", errors="replace")
