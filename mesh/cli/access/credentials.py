"""`mesh access credentials`: a product's own files, for tools that read S3.

Owns the forms in which credentials are printed. Of a served catalog they are asked for as whom the
token stands for; where the catalog's database is, whoever has the lake's keys lends them on.
"""

from __future__ import annotations

import shlex
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session

if TYPE_CHECKING:
    from mesh.reading.credentials import TableCredentials
    from mesh.settings import Settings

_VARIABLES = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
    "aws_region": "AWS_REGION",
    "aws_endpoint_url": "AWS_ENDPOINT_URL",
    "allow_http": "AWS_ALLOW_HTTP",
    "aws_virtual_hosted_style_request": "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
}


class Form(StrEnum):
    """How credentials are printed."""

    JSON = "json"
    ENV = "env"
    PROCESS = "process"


def credentials(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product, with its major.")],
    *,
    who: Annotated[
        str,
        typer.Option(
            "--as", help="Whom they are for. Of a served catalog that is whose token it is."
        ),
    ] = "",
    purpose: Annotated[str, typer.Option(help="What they will read it for.")] = "",
    form: Annotated[
        Form,
        typer.Option(
            "--format",
            help="How they are printed: `json`; `env`, for `eval` in a shell; or `process`, for "
            "`credential_process` of an AWS profile.",
        ),
    ] = Form.JSON,
) -> None:
    """Get short-lived credentials of the object store for the files of one product's table.

    Only for who sees every row, column and value of it. They are good until their end, whatever is
    revoked meanwhile. They are printed, and kept nowhere.
    """
    session = Session.of(context)
    settings = session.settings()
    if settings.catalog_url.startswith(("http://", "https://")):
        if who:
            raise typer.BadParameter("the token says who asks: leave --as out")
        found = _asked(settings, product, purpose)
    else:
        if not who:
            raise typer.BadParameter("say whom they are for: --as ana@example.com")
        found = _lent(session, product, who=who, purpose=purpose)
    _print(found, form)


def _asked(settings: Settings, product: str, purpose: str) -> TableCredentials:
    """From the server that serves the catalog, as whose token it is."""
    from mesh.catalog.remote.client import trusting
    from mesh.catalog.remote.kept import catalog_token
    from mesh.reading.connecting import Connection

    token, bundle = catalog_token(settings), settings.catalog_bundle
    secret = token if isinstance(token, str) else token()
    trust = trusting(bundle) if bundle is not None else None
    with Connection(settings.catalog_url, secret, purpose, trust) as server:
        return server.credentials(product)


def _lent(session: Session, product: str, *, who: str, purpose: str) -> TableCredentials:
    """With the keys that reach the lake here, by what is registered in the catalog."""
    from mesh.access.registered import RegisteredAccess
    from mesh.access.row_filters import row_filter
    from mesh.cli.access.desk import actor
    from mesh.reading.counting import READS
    from mesh.reading.lending import lend
    from mesh.reading.reader import Reader

    workspace = session.workspace()
    catalog, settings = workspace.catalog, workspace.settings
    access = RegisteredAccess(catalog, row_filter, settings.environment, settings.region)
    decider = access.decider()
    reader = Reader(
        principal=decider.directory.principal(who),
        purpose=purpose,
        decider=decider,
        product=catalog.product,
        settings=settings,
    )
    found = lend(reader, product, log=catalog.decisions.append, by=actor(session, ""))
    READS.flush()
    return found


def _print(found: TableCredentials, form: Form) -> None:
    from mesh.cli.console import print_json

    if form is Form.JSON:
        print_json(found.as_json())
    elif form is Form.PROCESS:
        print_json(_for_aws(found))
    else:
        options = found.storage_options
        lines = [
            f"export {variable}={shlex.quote(options[name])}"
            for name, variable in _VARIABLES.items()
            if name in options
        ]
        typer.echo("\n".join(lines))


def _for_aws(found: TableCredentials) -> dict[str, Any]:
    """As AWS's tools take them from a process. Source: AWS SDKs, *Process credential provider*."""
    return {
        "Version": 1,
        "AccessKeyId": found.keys.access_key_id,
        "SecretAccessKey": found.keys.secret_access_key,
        "SessionToken": found.keys.session_token,
        "Expiration": f"{found.expires_at:%Y-%m-%dT%H:%M:%SZ}",
    }
