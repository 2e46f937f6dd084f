"""Who asks: AWS credentials by settings, profile, environment, role or machine, always fresh.

Delta-rs, Polars and obstore each look for credentials in places of their own: with a profile only
one of the three found any. So they are found here, once, in AWS's own order, and handed to all.
Refuses to show a secret: nothing here has a representation that holds one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from mesh.errors import StorageError

_SESSION = "mesh"
_SCHEMES = frozenset({"s3", "s3a"})
CREDENTIAL_NAMES = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_GUIDE = "see docs/guides/object-storage.md"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked for: all that tells one set of credentials from another, but the secret."""

    place: str
    profile: str
    role: str
    region: str
    sts_endpoint: str
    ca_bundle: str


class Credentials:
    """Keys that are renewed before they end: those of now hold for ten minutes at least."""

    def __init__(self, found: Any, region: str) -> None:
        self._found = found
        self.region = region

    def now(self) -> dict[str, str]:
        """The keys, in the names of storage options. Raises StorageError when none can be had."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            frozen = self._found.get_frozen_credentials()
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"no credentials: {error}", hint=_GUIDE) from error
        keys = {"aws_access_key_id": frozen.access_key, "aws_secret_access_key": frozen.secret_key}
        return keys | ({"aws_session_token": frozen.token} if frozen.token else {})


def credentials_for(
    url: str, options: Mapping[str, str], own: Mapping[str, str]
) -> Credentials | None:
    """The credentials to add to options; None where they say all, or where nobody needs any.

    `own` holds `profile`, `role` and `ca_bundle`, each empty or absent for none. Without botocore
    the libraries find what they all know: the environment, a web identity, the machine's role.
    """
    is_said = {"aws_access_key_id", "aws_skip_signature"} & options.keys()
    profile, role = own.get("profile", ""), own.get("role", "")
    if urlsplit(url).scheme not in _SCHEMES or (is_said and not role):
        return None
    try:
        import botocore.session  # noqa: F401 -- whether it is there is the question
    except ImportError:
        if not profile and not role:
            return None
        hint = "`pip install mesh-data[aws]`"
        raise StorageError("profiles and roles need botocore", where=url, hint=hint) from None
    place = urlsplit(url)
    wanted = _Wanted(
        place=f"{place.scheme}://{place.netloc}",
        profile=profile,
        role=role,
        region=options.get("aws_region", ""),
        sts_endpoint=options.get("aws_endpoint_url_sts") or options.get("aws_endpoint_url", ""),
        ca_bundle=own.get("ca_bundle", ""),
    )
    if "aws_access_key_id" in options:
        return _assumed_with(wanted, *(options.get(name, "") for name in CREDENTIAL_NAMES))
    return _found(wanted)


@lru_cache(maxsize=32)
def _assumed_with(wanted: _Wanted, access_key: str, secret_key: str, token: str) -> Credentials:
    """The role of somebody whom the settings name with their keys."""
    import botocore.session

    session = botocore.session.Session()
    session.set_credentials(access_key, secret_key, token or None)
    return _assumed(wanted, session)


@lru_cache(maxsize=32)
def _found(wanted: _Wanted) -> Credentials:
    """What AWS's own order finds, once a process: environment, profile, web identity, machine."""
    import botocore.session
    from botocore.exceptions import BotoCoreError

    session = botocore.session.Session(profile=wanted.profile or None)
    try:
        found = session.get_credentials()
        region = str(session.get_config_variable("region") or "")
    except BotoCoreError as error:
        raise StorageError(f"no credentials: {error}", where=wanted.place, hint=_GUIDE) from error
    if found is None:
        raise StorageError(
            "no credentials were found in the settings, the environment, a profile or the machine",
            where=wanted.place,
            hint=f"set MESH_OBJECT_STORE__PROFILE or AWS_PROFILE, or {_GUIDE}",
        )
    return _assumed(wanted, session) if wanted.role else Credentials(found, region)


def _assumed(wanted: _Wanted, session: Any) -> Credentials:
    """The credentials of a role, asked for again before they end."""
    from botocore.credentials import RefreshableCredentials
    from botocore.exceptions import BotoCoreError, ClientError

    region = wanted.region or str(session.get_config_variable("region") or "us-east-1")

    def ask() -> dict[str, Any]:
        client = sts_client(session, region, wanted.sts_endpoint, ca_bundle=wanted.ca_bundle)
        answer = client.assume_role(RoleArn=wanted.role, RoleSessionName=_SESSION)["Credentials"]
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": answer["Expiration"].isoformat(),
        }

    try:
        found = RefreshableCredentials.create_from_metadata(
            metadata=ask(), refresh_using=ask, method="sts-assume-role"
        )
    except (BotoCoreError, ClientError) as error:
        what = f"the role {wanted.role} cannot be assumed: {error}"
        raise StorageError(what, where=wanted.place, hint=_GUIDE) from error
    return Credentials(found, region)


@lru_cache(maxsize=1)
def _descriptions() -> Any:
    """What botocore knows of AWS, which it would read anew for each session."""
    import botocore.session

    return botocore.session.Session().get_component("data_loader")


def sts_client(
    session: Any, region: str, endpoint: str, *, ca_bundle: str = "", **patience: Any
) -> Any:
    """The service that gives temporary credentials, at an endpoint or where AWS has it.

    `patience` is botocore's, of timeouts and retries. Where somebody listens to everything, it logs
    what STS answers, keys and all: so it is told to say less, unless told otherwise before.
    """
    from botocore.config import Config

    log = logging.getLogger("botocore")
    if log.level == logging.NOTSET:
        log.setLevel(logging.INFO)
    session.register_component("data_loader", _descriptions())
    return session.create_client(
        "sts",
        region_name=region,
        endpoint_url=endpoint or None,
        verify=ca_bundle or None,
        config=Config(**patience),
    )


def forget() -> None:
    """Look for credentials anew when they are needed next, as after another login."""
    _found.cache_clear()
    _assumed_with.cache_clear()
