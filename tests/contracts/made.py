"""Contracts made in a line, where a test is about one annotation or one option."""

from typing import Any

import mesh


def made(annotation: Any = int, config: dict[str, Any] | None = None, **field: Any) -> Any:
    """A model with one column, `value`."""
    body = {"__annotations__": {"value": annotation}, "value": mesh.Field(**field)}
    if config is not None:
        body["Config"] = type("Config", (), config)
    return type("Made", (mesh.Contract,), {"__module__": "somewhere", **body})
