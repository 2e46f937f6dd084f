"""`mesh access`: ask for a product, decide about it, and see who may read what until when."""

import typer

from mesh.cli.access.asking import renew, request
from mesh.cli.access.credentials import credentials
from mesh.cli.access.deciding import approve, deny, inherit, revoke
from mesh.cli.access.looking import list_access, show

app = typer.Typer(help="Ask for access to products, and decide about it.", no_args_is_help=True)

app.command("request")(request)
app.command("list")(list_access)
app.command("show")(show)
app.command("approve")(approve)
app.command("deny")(deny)
app.command("revoke")(revoke)
app.command("renew")(renew)
app.command("inherit")(inherit)
app.command("credentials")(credentials)
