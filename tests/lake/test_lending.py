"""Lent credentials read what lies below one table, and do nothing else.

On Ceph's gateway, which holds sessions to their policies; moto does not, and is refused for it.
"""

import logging
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import deltalake
import polars as pl
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from mesh.errors import NotLentError, StorageError, StoreUnavailableError, UnsafeStoreError
from mesh.lake import Lake
from mesh.lake.lending import Lender, LentKeys, session_policy
from mesh.lake.table import Table
from tests.behaviour.products import orders, product, publish_small
from tests.behaviour.proxy import Answer, proxied
from tests.behaviour.roles import a_reader_role, a_role

ORDERS = product()
ANA = "ana@example.com"


@pytest.fixture(scope="module")
def role(gateway):
    """What credentials are lent under."""
    return a_reader_role(gateway)


@pytest.fixture(scope="module")
def table(gateway):
    """A table with one row, and what lies around it."""
    lake = gateway.lake()
    publish_small(ORDERS, orders([(1, "DE", 1.0)]), lake, "first")
    found, client = lake.table(ORDERS.id), gateway.client()
    for other in ("0/x", "_quarantine/x", ".x"):
        client.put_object(Bucket=gateway.name, Key=f"{prefix_of(found)}{other}", Body=b"hidden")
    return found


@pytest.fixture(scope="module")
def lent(table, role):
    """What is lent of it."""
    return Lender(role).lend(table, name=ANA, seconds=900)


@pytest.fixture
def client(gateway, lent):
    """Whoever was lent it, by AWS's own client."""
    return client_of(gateway, lent)


def client_of(bucket, lent, service="s3"):
    return bucket.client(
        service,
        aws_access_key_id=lent.access_key_id,
        aws_secret_access_key=lent.secret_access_key,
        aws_session_token=lent.session_token,
    )


def prefix_of(table):
    return table.url.partition("://")[2].partition("/")[2]


def refused(call, **arguments):
    """Whether the store refuses a call for want of rights."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    return raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_stock_libraries_read_the_table_with_what_was_lent(table, lent):
    found = deltalake.DeltaTable(table.url, storage_options=lent.storage_options)
    assert found.to_pyarrow_table().num_rows == 1
    assert pl.scan_delta(table.url, storage_options=lent.storage_options).collect().height == 1


def test_they_end_when_they_were_asked_to(table, role, lent):
    left = lent.expires_at - datetime.now(UTC)
    assert timedelta(seconds=600) < left <= timedelta(seconds=905)
    longer = Lender(role).lend(table, name=ANA, seconds=1800)
    assert longer.expires_at - lent.expires_at > timedelta(seconds=800)


def test_the_store_ends_them(gateway, table, role):
    """Of a gateway that gives shorter ones than STS does elsewhere."""
    sts = gateway.client("sts", config=Config(parameter_validation=False))
    prefix = prefix_of(table)
    asked = {"DurationSeconds": 2, "Policy": session_policy(gateway.name, prefix)}
    keys = sts.assume_role(RoleArn=role, RoleSessionName="mesh.ana", **asked)["Credentials"]
    lent = LentKeys(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], keys["Expiration"]
    )
    listing = {"Bucket": gateway.name, "Prefix": f"{prefix}/"}
    client = client_of(gateway, lent)
    assert client.list_objects_v2(**listing)["KeyCount"]
    while datetime.now(UTC) <= lent.expires_at + timedelta(seconds=1):
        time.sleep(0.2)
    assert refused(client.list_objects_v2, **listing)


def test_of_the_settings_only_the_way_to_the_store_is_told(table, role, gateway):
    own = {**table.options, "AWS_SSE_CUSTOMER_KEY_BASE64": "a-secret-of-the-bucket"}
    found = Lender(role).lend(replace(table, options=own), name=ANA, seconds=900)
    assert found.reach == {
        "aws_region": "us-east-1",
        "aws_endpoint_url": gateway.endpoint,
        "allow_http": "true",
    }
    assert gateway.secret_key not in found.storage_options.values()


@pytest.mark.parametrize("other", ["0/x", "_quarantine/x", ".x"])
def test_what_begins_like_the_table_is_another(gateway, client, table, other):
    key = f"{prefix_of(table)}{other}"
    assert gateway.client().get_object(Bucket=gateway.name, Key=key)["Body"].read() == b"hidden"
    assert refused(client.get_object, Bucket=gateway.name, Key=key)
    assert refused(client.head_object, Bucket=gateway.name, Key=key)


def test_another_table_is_not_read(gateway, table, lent):
    lake = Lake(table.url.removesuffix(f"/{ORDERS.id.table_path}"), table.options)
    other = product(name="orders_too")
    publish_small(other, orders([(2, "FR", 2.0)]), lake, "first")
    with pytest.raises(Exception, match=r"(?i)denied|403|permission"):
        deltalake.DeltaTable(lake.table(other.id).url, storage_options=lent.storage_options)


@pytest.mark.parametrize(
    "up", ["/../v1.x", "/%2E%2E/v1.x", "/..%2Fv1.x", "/./../v1.x", "//../v1.x"]
)
def test_no_key_climbs_out_of_the_prefix(gateway, client, table, up):
    key = f"{prefix_of(table)}{up}"
    with pytest.raises(ClientError) as raised:
        client.get_object(Bucket=gateway.name, Key=key)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] in {403, 404}


@pytest.mark.parametrize("listed", ["", "{parent}/", "{parent}/v1", "{parent}/v10/", "shop", None])
def test_nothing_else_is_listed(gateway, client, table, listed):
    parent = prefix_of(table).rpartition("/")[0]
    asked = {} if listed is None else {"Prefix": listed.format(parent=parent)}
    assert refused(client.list_objects_v2, Bucket=gateway.name, **asked)
    assert refused(client.list_objects, Bucket=gateway.name, **asked)


def test_what_lies_below_is_listed(gateway, client, table):
    found = client.list_objects_v2(Bucket=gateway.name, Prefix=f"{prefix_of(table)}/")
    assert any("_delta_log" in item["Key"] for item in found["Contents"])
    climbing = client.list_objects_v2(Bucket=gateway.name, Prefix=f"{prefix_of(table)}/../")
    assert "Contents" not in climbing


def test_what_mesh_notes_beside_the_rows_is_not_read(gateway, client, table):
    keys = [f"{prefix_of(table)}/{file.path}" for file in table.store.list("_mesh")]
    assert keys
    for key in keys:
        assert refused(client.get_object, Bucket=gateway.name, Key=key)


def test_nothing_is_written_deleted_or_told_about_the_bucket(gateway, client, table):
    own = {"Bucket": gateway.name, "Key": f"{prefix_of(table)}/_delta_log/{0:020d}.json"}
    new = {"Bucket": gateway.name, "Key": f"{prefix_of(table)}/new"}
    assert client.get_object(**own)["Body"].read()
    assert refused(client.put_object, **new, Body=b"x")
    assert refused(client.create_multipart_upload, **new)
    assert refused(client.copy_object, **new, CopySource=f"{own['Bucket']}/{own['Key']}")
    assert refused(client.delete_object, **own)
    assert refused(client.get_object, **own, VersionId="null")
    assert refused(client.get_object_acl, **own)
    assert refused(client.list_object_versions, Bucket=gateway.name, Prefix=new["Key"])
    assert refused(client.list_multipart_uploads, Bucket=gateway.name)
    assert refused(client.get_bucket_policy, Bucket=gateway.name)
    assert refused(client.list_buckets)


def test_they_lend_nothing_on(gateway, role, lent):
    assert refused(
        client_of(gateway, lent, "sts").assume_role, RoleArn=role, RoleSessionName="more"
    )


def test_a_store_that_ignores_what_a_session_is_limited_to_lends_nothing(moto):
    lake = moto.lake()
    publish_small(ORDERS, orders([(1, "DE", 1.0)]), lake, "first")
    with pytest.raises(UnsafeStoreError, match="ignores what lent credentials are limited to"):
        Lender("arn:aws:iam::123456789012:role/reader").lend(
            lake.table(ORDERS.id), name=ANA, seconds=900
        )


def test_a_role_that_a_session_may_assume_again_lends_nothing(gateway, table):
    open_role = a_role(gateway)
    for _ in range(2):
        with pytest.raises(UnsafeStoreError, match="could assume the role") as raised:
            Lender(open_role).lend(table, name=ANA, seconds=900)
    assert open_role in raised.value.what
    assert "deny sts:AssumeRole" in raised.value.hint


def test_the_lakes_own_role_must_not_be_had_by_what_is_lent(gateway, table):
    """Both trust the gateway's user; and a session is its user, to Ceph."""
    own, guarded = a_role(gateway), f"role-{uuid.uuid4().hex[:12]}"
    lending = a_reader_role(gateway, trusting=own)
    with pytest.raises(UnsafeStoreError, match=f"could assume the role {own}"):
        Lender(lending).lend(with_role(table, own), name=ANA, seconds=900)
    lending = a_reader_role(gateway, trusting=f"arn:aws:iam:::role/{guarded}")
    safe = a_role(gateway, denying=(lending,), name=guarded)
    assert Lender(lending).lend(with_role(table, safe), name=ANA, seconds=900)


def with_role(table, role):
    return replace(table, options={**table.options, "role": role})


@pytest.mark.parametrize(
    "url",
    [
        "/home/lake/dev/shop/orders/v1",
        "file:///lake/dev/shop/orders/v1",
        "gs://lake/dev/shop/orders/v1",
        "s3://lake",
        "s3://lake/*/shop/orders/v1",
        "s3://lake/te?m/shop/orders/v1",
        "s3://lake/${aws:username}/v1",
        "s3://lake/a b/v1",
        "s3://lake/a%2Fb/v1",
        "s3://lake/a//v1",
        "s3://lake/a/../v1",
        "s3://lake/./v1",
        "s3://lake/v1/",
        "s3://lake*/v1",
        's3://lake/a"],"Resource":["*/v1',
        "s3://lake/v1\n",
    ],
)
def test_a_place_that_no_policy_names_exactly_lends_nothing(gateway, role, url):
    with pytest.raises(NotLentError):
        Lender(role).lend(Table(url, gateway.options), name=ANA, seconds=900)


def test_without_a_role_nothing_is_lent(table):
    with pytest.raises(NotLentError, match="no role is set") as raised:
        Lender("").lend(table, name=ANA, seconds=900)
    assert "MESH_LENDING__ROLE" in raised.value.hint


def test_a_policy_is_of_the_roles_own_part_of_aws():
    found = session_policy("lake", "dev/shop/orders/v1", partition="aws-cn")
    assert '"arn:aws-cn:s3:::lake/dev/shop/orders/v1/*"' in found
    assert '{"s3:prefix":["dev/shop/orders/v1/*"]}' in found
    assert '"Deny","Action":["s3:GetObject"],"Resource":["arn:aws-cn:s3:::lake' in found
    assert " " not in found


@pytest.mark.parametrize("status", [405, 501])
def test_a_store_without_sts_is_told_as_that(gateway, table, role, status):
    def no_sts(request, ask):
        return Answer(status) if request.method == "POST" else ask(request)

    with proxied(gateway.endpoint, no_sts) as endpoint, pytest.raises(NotLentError, match="STS"):
        Lender(role).lend(at_sts(table, endpoint), name=ANA, seconds=900)


def at_sts(table, endpoint):
    return replace(table, options={**table.options, "aws_endpoint_url_sts": endpoint})


def test_an_sts_that_is_away_is_another_matter(table, role):
    with pytest.raises(StoreUnavailableError, match="STS"):
        Lender(role).lend(at_sts(table, "http://127.0.0.1:9"), name=ANA, seconds=900)


@pytest.mark.parametrize(
    ("status", "code"), [(400, "Throttling"), (400, "Confused"), (500, "InternalError")]
)
def test_a_probe_that_cannot_tell_lends_nothing(gateway, table, status, code):
    role, asked = a_reader_role(gateway), []
    said = f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>".encode()

    def once(request, ask):
        asked.append(request.method)
        return ask(request) if len(asked) == 1 else Answer(status, body=said)

    with proxied(gateway.endpoint, once) as endpoint, pytest.raises(StorageError):
        Lender(role).lend(at_sts(table, endpoint), name=ANA, seconds=900)
    assert len(asked) > 1
    assert Lender(role).lend(table, name=ANA, seconds=900)


def test_a_role_that_is_not_there_is_named(table, gateway):
    missing = "arn:aws:iam:::role/nobody-has-it"
    with pytest.raises(StorageError, match="nobody-has-it cannot be assumed") as raised:
        Lender(missing).lend(table, name=ANA, seconds=900)
    assert gateway.secret_key not in f"{raised.value} {raised.value.__cause__!r}"


@pytest.mark.parametrize("name", ["ana@example.com", 'ä/ö;"\n', "x" * 200, "", "a,b+c:*"])
def test_whoever_it_is_for_becomes_a_name_of_a_session(table, role, name):
    assert Lender(role).lend(table, name=name, seconds=900).access_key_id


def test_secrets_are_in_no_log_and_no_representation(table, role, caplog):
    caplog.set_level(logging.DEBUG)
    found = Lender(role).lend(table, name=ANA, seconds=900)
    for secret in (found.secret_access_key, found.session_token):
        assert secret not in repr(found) + caplog.text
