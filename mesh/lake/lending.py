"""Credentials of the store for the files of one table, to be read for a while by somebody else.

Owns the session policy that they are asked for with, and the probe that refuses a store whose
credentials could do more than that. Knows nobody's rights: who asks here may have all that lies
below the table. Refuses to show a secret, as `mesh.lake.credentials` does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from mesh.errors import NotLentError, StorageError, StoreUnavailableError, UnsafeStoreError
from mesh.lake.credentials import CREDENTIAL_NAMES, sts_client
from mesh.lake.failures import is_denial
from mesh.lake.store import open_store
from mesh.lake.table import Table

SHORTEST_SECONDS = 900
"""STS gives none that end sooner."""
_URL = re.compile(r"s3a?://(?P<bucket>[A-Za-z0-9.-]+)/(?P<prefix>[A-Za-z0-9_.=+@/-]+)")
"""Elsewhere a policy would take a character for a pattern, or a library for an escape."""
_REACH = ("aws_region", "aws_endpoint_url", "allow_http", "aws_virtual_hosted_style_request")
"""Options that whoever reads needs, too. Nothing else of the settings is told."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_=.@-]")
"""What a session's name has not. AWS takes a plus and a comma, and Ceph takes neither."""
_OWN = "_mesh"
"""Below a table: profiles, plans about rejected rows, and why rows were erased."""
_PATIENCE = {"connect_timeout": 5, "read_timeout": 20, "retries": {"total_max_attempts": 2}}
"""Somebody waits for the answer."""
_FORBIDDEN = 403
_NO_STS = frozenset({405, 501})
_UNKNOWN = frozenset({"InvalidAction", "MethodNotAllowed", "NotImplemented"})
_GUIDE = "see docs/guides/object-storage.md#lend-credentials"
_PROBED: set[tuple[str, ...]] = set()


@dataclass(frozen=True, slots=True)
class LentKeys:
    """Keys that end by themselves. `reach` are the other options by which the store is reached."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime
    reach: Mapping[str, str] = field(default_factory=dict)

    @property
    def storage_options(self) -> dict[str, str]:
        """Options for delta-rs and Polars."""
        keys = (self.access_key_id, self.secret_access_key, self.session_token)
        return {**self.reach, **dict(zip(CREDENTIAL_NAMES, keys, strict=True))}


@dataclass(frozen=True, slots=True)
class Lender:
    """Lends the files of tables under a role, which whoever reaches the lake here assumes."""

    role: str

    def lend(self, table: Table, *, name: str, seconds: int) -> LentKeys:
        """Keys to list and get what lies below a table, and nothing else, for some seconds.

        `name` is who they are for, as the store's own log tells it. Raises NotLentError where none
        can be lent, UnsafeStoreError where they could do more, and StorageError otherwise.
        """
        bucket, prefix = _place_of(table)
        if not self.role:
            what, hint = "no role is set to lend credentials under", f"MESH_LENDING__ROLE; {_GUIDE}"
            raise NotLentError(what, where=table.url, hint=hint)
        sts = _Sts.of(table)
        policy = session_policy(bucket, prefix, partition=self.role.split(":")[1])
        session = f"mesh.{_NOT_IN_NAMES.sub('-', name)}"[:64]
        found = sts.assumed(self.role, session, DurationSeconds=seconds, Policy=policy)
        lent = LentKeys(
            found["AccessKeyId"],
            found["SecretAccessKey"],
            found["SessionToken"],
            found["Expiration"],
            {option: sts.options[option] for option in _REACH if option in sts.options},
        )
        self._probe(table, bucket, lent)
        return lent

    def _probe(self, table: Table, bucket: str, lent: LentKeys) -> None:
        """Raise UnsafeStoreError where lent keys are more than was asked for.

        Some stores ignore session policies. Others let a session assume roles that trust whoever it
        was made by: Ceph 16 does, and then it is bound by no policy of ours.
        """
        own = {name.lower(): value for name, value in table.options.items()}
        roles = [role for role in (self.role, own.get("role", "")) if role]
        probed = (lent.reach.get("aws_endpoint_url", ""), bucket, *roles)
        if probed in _PROBED:
            return
        if _lists_everything(f"s3://{bucket}", lent):
            raise UnsafeStoreError(
                "the store ignores what lent credentials are limited to",
                where=f"s3://{bucket}",
                hint="lend none here: leave MESH_LENDING__ROLE out",
            )
        stranger = _Sts.of(table, lent.storage_options)
        for role in roles:
            if stranger.may_assume(role):
                raise UnsafeStoreError(
                    f"lent credentials could assume the role {role}, and be limited no more",
                    where=f"s3://{bucket}",
                    hint=f"let it deny sts:AssumeRole to sessions of {self.role}; {_GUIDE}",
                )
        _PROBED.add(probed)


def session_policy(bucket: str, prefix: str, *, partition: str = "aws") -> str:
    """What a session may do: get what lies below a prefix, but for Mesh's own notes, and list it.

    Without a space: Ceph reads none. Each name ends in a slash, so that `v1` is not `v10`.
    """
    arn = f"arn:{partition}:s3:::{bucket}"
    below, own = f"{prefix}/*", f"{prefix}/{_OWN}/*"
    listing = {"StringLike": {"s3:prefix": [below]}}
    statements = [
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"{arn}/{below}"]},
        {"Effect": "Deny", "Action": ["s3:GetObject"], "Resource": [f"{arn}/{own}"]},
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [arn], "Condition": listing},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class _Sts:
    """The store's STS, as whoever has some options asks it."""

    options: Mapping[str, str] = field(repr=False)
    client: Any = field(repr=False)
    where: str

    @classmethod
    def of(cls, table: Table, lent: Mapping[str, str] | None = None) -> _Sts:
        """By the way to a table, or with lent keys. Raises NotLentError."""
        try:
            import botocore.session
        except ImportError:
            hint = "`pip install mesh-data[aws]`"
            raise NotLentError("lending credentials needs botocore", hint=hint) from None
        access = table.access
        current = access.credentials.now() if access.credentials else {}
        options = {**access.options, **current}
        keys = [(lent or options).get(name) for name in CREDENTIAL_NAMES]
        if not keys[0]:
            raise NotLentError("the lake is reached without keys", where=table.url, hint=_GUIDE)
        session = botocore.session.Session()
        session.set_credentials(*keys)
        endpoint = options.get("aws_endpoint_url_sts") or options.get("aws_endpoint_url", "")
        own = {name.lower(): value for name, value in table.options.items()}
        region = options.get("aws_region", "us-east-1")
        client = sts_client(
            session, region, endpoint, ca_bundle=own.get("ca_bundle", ""), **_PATIENCE
        )
        return cls(options, client, endpoint or "AWS")

    def assumed(self, role: str, session: str, **limits: Any) -> Mapping[str, Any]:
        """Credentials of a role. Raises NotLentError, StorageError."""
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
        from botocore.exceptions import ConnectionError as NoConnectionError
        from botocore.parsers import ResponseParserError

        refused = partial(StorageError, where=self.where, hint=_GUIDE)
        try:
            answer = self.client.assume_role(RoleArn=role, RoleSessionName=session, **limits)
        except ResponseParserError:  # its text is the answer, keys and all
            what = "what answers is no STS"
            raise NotLentError(what, where=self.where, hint=_GUIDE) from None
        except (HTTPClientError, NoConnectionError) as error:
            what = f"STS does not answer: {error}"
            raise StoreUnavailableError(what, where=self.where) from error
        except BotoCoreError as error:
            raise refused(f"the role {role} cannot be assumed: {error}") from error
        except ClientError as error:
            status, code = _status(error), error.response.get("Error", {}).get("Code", "")
            if status in _NO_STS or code in _UNKNOWN:
                raise NotLentError("the store has no STS", where=self.where, hint=_GUIDE) from error
            if status >= 500 or status == 429 or code.startswith("Throttl"):  # noqa: PLR2004
                raise StoreUnavailableError(f"STS failed: {error}", where=self.where) from error
            raise refused(f"the role {role} cannot be assumed: {error}") from error
        found: Mapping[str, Any] = answer["Credentials"]
        return found

    def may_assume(self, role: str) -> bool:
        """Whether a role lets them. Raises StorageError when that cannot be told."""
        try:
            self.assumed(role, "mesh.probe")
        except StorageError as error:
            if _status(error.__cause__) == _FORBIDDEN:
                return False
            raise
        return True


def _place_of(table: Table) -> tuple[str, str]:
    """Bucket and prefix of a table. Raises NotLentError."""
    found = _URL.fullmatch(table.url)
    if found is None:
        what = "only buckets of S3 lend credentials, with plain names of folders"
        raise NotLentError(what, where=table.url, hint=_GUIDE)
    parts = found["prefix"].split("/")
    if {"", ".", ".."} & {*parts}:
        what = "the lake's URL has folders without a name"
        raise NotLentError(what, where=table.url, hint=_GUIDE)
    return found["bucket"], found["prefix"]


def _lists_everything(url: str, lent: LentKeys) -> bool:
    """Whether keys list a whole bucket. Raises StorageError when that cannot be told."""
    store = open_store(url, lent.storage_options)
    try:
        next(iter(store.list()), None)
    except StorageError as error:
        if is_denial(error):
            return False
        raise
    return True


def _status(error: BaseException | None) -> int:
    """What a store answered with; 0 for an error that is no answer."""
    answer: Mapping[str, Any] = getattr(error, "response", {})
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
