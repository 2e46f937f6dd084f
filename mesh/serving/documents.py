"""What the API says of itself: its OpenAPI document, and a page of it for people.

Owns both. The page is one file without scripts or anything from elsewhere.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from jinja2 import Environment
from starlette.responses import HTMLResponse

DESCRIPTION = """\
Domains, data products, their contracts, receipts and lineage.

Lists go on with `cursor`, which is the `next` of the page before. Every answer to a GET has an
`ETag`; `If-None-Match` saves its body. Every error is a problem (RFC 9457) with a `hint` where
there is one. `X-Request-Id` finds a request in the server's log.
"""

PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457), and what to do next.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "where": {"type": "string"},
        "request_id": {"type": "string"},
        "error": {"type": "string", "description": "The name of Mesh's own error."},
        "near": {"type": "array", "items": {"type": "string"}},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "what": {"type": "string"}},
            },
        },
    },
}

_PAGE = Environment(autoescape=True).from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ info.title }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code { font-family: ui-monospace, monospace }
section { border-top: 1px solid #ccc; padding: .5rem 0 }
table { border-collapse: collapse } td { padding: 0 1rem 0 0; vertical-align: top }
.method { font-weight: 600; display: inline-block; min-width: 3.5rem }
</style></head><body>
<h1>{{ info.title }}</h1>
<p>{{ info.description }}</p>
<p>The whole of it: <a href="/openapi.json">openapi.json</a></p>
{% for path, methods in paths.items() %}{% for method, operation in methods.items() %}
<section><h2><span class="method">{{ method | upper }}</span> <code>{{ path }}</code></h2>
<p>{{ operation.description }}{% if operation.security %} Needs a token.{% endif %}</p>
{% if operation.parameters %}<table>{% for item in operation.parameters %}
<tr><td><code>{{ item.name }}</code></td>
<td>{{ "required. " if item.required and item.in == "query" }}{{ item.description }}</td></tr>
{% endfor %}</table>{% endif %}</section>
{% endfor %}{% endfor %}
</body></html>
""")


def install(app: FastAPI) -> None:
    """Let an application tell of itself, at `/openapi.json` and `/docs`."""
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(_PAGE.render(**app.openapi()))


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=DESCRIPTION,
            routes=app.routes,
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = PROBLEM
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = made
    return app.openapi_schema
