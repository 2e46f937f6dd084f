"""`POST /v1/products/{domain}/{product}/credentials`: a product's own files, for who sees it all.

Owns the answer, which the doorway lets nobody keep. Of the store nothing is told when it fails.
"""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request
from starlette.responses import Response

from mesh.catalog.store import Catalog
from mesh.errors import NotLentError, StorageError
from mesh.reading.lending import lend
from mesh.serving.problems import ProblemError
from mesh.serving.requests import request_id
from mesh.serving.rows.asking import reader_of
from mesh.serving.views.base import Answer

router = APIRouter(prefix="/products/{domain}/{product}")
_log = logging.getLogger("mesh.serving")


@router.post("/credentials")
def credentials(request: Request, domain: str, product: str) -> Response:
    """Credentials of the store that list and get the table's files, and end by themselves."""
    reader = reader_of(request, "credentials")
    catalog: Catalog = request.app.state.catalog
    try:
        found = lend(reader, f"{domain}.{product}", log=catalog.decisions.append)
    except NotLentError as error:
        raise _refused(request, 501, error, error.what) from None
    except StorageError as error:
        raise _refused(request, 502, error, "the store lent no credentials") from None
    return Answer(found.as_json())


def _refused(request: Request, status: int, error: StorageError, detail: str) -> ProblemError:
    """What is told of it: where the lake is, and what the store said, is the log's."""
    _log.error("request %s: %s", request_id(request), error)
    hint = "rows, SQL and Delta Sharing do without; the server's log says more under this id"
    return ProblemError(status, detail, hint=hint, error=type(error).__name__)
