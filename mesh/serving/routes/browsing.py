"""Signing in and out with a browser.

Owns the routes, and where the provider sends a browser back to: a URL that is set, or one of a host
that this server is known to be asked for by.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from mesh.errors import IdentityError, ProviderUnavailableError
from mesh.serving.authority import is_near, jar_of, refusal
from mesh.serving.identity.browsing import AFTERWARDS, LOGIN_SECONDS, Browsing
from mesh.serving.identity.signing_in import Identities
from mesh.serving.problems import ProblemError
from mesh.serving.requests import address_of

browsing = APIRouter(include_in_schema=False)


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
def logout(request: Request) -> Response:
    """End the session."""
    jar = jar_of(request)
    _browsing(request).end(request.cookies.get(jar.name("session"), ""))
    answer = RedirectResponse(AFTERWARDS, 302)
    jar.put(answer, "session", "", seconds=0)
    return answer


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
