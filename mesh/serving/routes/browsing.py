"""Signing in and out with a browser.

Owns the routes, and where the provider sends a browser back to: a URL that is set, or one of a host
that this server is known to be asked for by.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from jinja2 import Environment
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mesh.errors import IdentityError, ProviderUnavailableError
from mesh.serving.authority import is_near, jar_of, refusal
from mesh.serving.bodies import read_form
from mesh.serving.identity.browsing import AFTERWARDS, LOGIN_SECONDS, Browsing
from mesh.serving.identity.signing_in import Identities
from mesh.serving.problems import ProblemError
from mesh.serving.requests import address_of

browsing = APIRouter(include_in_schema=False)
_PAGE = Environment(autoescape=True).from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign out</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
</style></head><body>
<form method="post" action="/logout">
<p>Signed in as {{ name }}.</p>
<input type="hidden" name="proof" value="{{ proof }}">
<button>Sign out</button>
</form>
</body></html>
""")


@browsing.get("/login")
def login(request: Request, back: Annotated[str, Query()] = AFTERWARDS) -> Response:
    """Send a browser to the identity provider; from there it comes back, and goes to `back`."""
    request.app.state.limits.addresses.take(address_of(request))
    try:
        leaving = _browsing(request).begin(back, _callback(request))
    except IdentityError as error:
        raise refusal(error) from error
    answer = RedirectResponse(leaving.url, 302)
    jar_of(request).put(answer, "login", leaving.cookie, seconds=LOGIN_SECONDS)
    return answer


@browsing.get("/login/callback")
def callback(request: Request) -> Response:
    """Take a browser back, with a new session."""
    request.app.state.limits.addresses.take(address_of(request))
    jar, query = jar_of(request), dict(request.query_params)
    cookie = request.cookies.get(jar.name("login"), "")
    try:
        session, back = _browsing(request).finish(query, cookie, _callback(request))
    except ProviderUnavailableError as error:
        raise refusal(error) from error
    except IdentityError as error:
        problem = refusal(error)
        gone = Response()
        jar.put(gone, "login", "", seconds=0)
        problem.headers = {**(problem.headers or {}), "set-cookie": gone.headers["set-cookie"]}
        raise problem from error
    answer = RedirectResponse(back, 302)
    jar.put(answer, "login", "", seconds=0)
    seconds = request.app.state.identities.settings.session_seconds
    jar.put(answer, "session", session, seconds=seconds)
    return answer


@browsing.get("/logout")
def leaving(request: Request) -> Response:
    """A page that asks whether to end the session: a link or a picture elsewhere ends none."""
    found, cookie = _browsing(request), _session(request)
    who = found.session(cookie)
    if who is None:
        return RedirectResponse(AFTERWARDS, 302)
    return HTMLResponse(_PAGE.render(name=who.name, proof=found.proof(cookie)))


@browsing.post("/logout")
async def logout(request: Request) -> Response:
    """End the session, when the page above asks for it.

    Who comes from elsewhere has no session here (a browser does not send its cookie then), or not
    the page's proof: then nothing is changed, and no cookie taken away.
    """
    request.app.state.limits.addresses.take(address_of(request))
    found, cookie = _browsing(request), _session(request)
    answer = RedirectResponse(AFTERWARDS, 303)
    if found.session(cookie) is None:
        return answer
    try:
        found.end(cookie, (await read_form(request)).get("proof", ""))
    except IdentityError as error:
        raise ProblemError(403, error.what, hint="open /logout") from error
    jar_of(request).put(answer, "session", "", seconds=0)
    return answer


def _session(request: Request) -> str:
    return request.cookies.get(jar_of(request).name("session"), "")


def _browsing(request: Request) -> Browsing:
    identities: Identities = request.app.state.identities
    if not identities.settings.client:
        raise ProblemError(404, "nobody signs in here", hint="`identity.client` lets people do so")
    return identities.browsing


def _callback(request: Request) -> str:
    """Where the provider sends a browser back to. Raises ProblemError where that is not known.

    What a request says of the host is believed only where the doorway lets no other host in.
    """
    url, serving = request.app.state.identities.settings.url, request.app.state.settings
    if not url and not is_near(serving.host) and not serving.names:
        raise ProblemError(
            404, "browsers cannot sign in here", hint="`identity.url` is where they reach it"
        )
    base = url or "{0.scheme}://{0.netloc}".format(urlsplit(str(request.base_url)))
    return f"{base.rstrip('/')}/login/callback"
