"""Whoever may reach the store may do so by each library: delta-rs commits, obstore files, Polars reads.

Each way to say who asks is tried by a publication and a read, on a gateway that checks secrets.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mesh.errors import SettingsError, StorageError
from mesh.lake import Lake
from mesh.lake import credentials as lake_credentials
from mesh.settings import load
from tests.behaviour.products import orders, product, publish_small, rows_of
from tests.behaviour.proxy import proxied
from tests.behaviour.roles import a_role, policy

KEYS = ("aws_access_key_id", "aws_secret_access_key")


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch, tmp_path):
    """A machine that nobody gave any."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    lake_credentials.forget()
    yield
    lake_credentials.forget()


@pytest.fixture
def role(gateway):
    """The ARN of a role that may do everything, if the gateway's user assumes it."""
    return a_role(gateway)


def without_keys(bucket) -> dict[str, str]:
    return {name: value for name, value in bucket.options.items() if name not in KEYS}


def works(lake: Lake) -> bool:
    """A publication, one more, and a read."""
    declared = product()
    for run in ("first", "second"):
        publish_small(declared, orders([(1, "DE", 1.0)]), lake, run)
    return rows_of(declared, lake) == [(1, "DE", 1.0)]


def test_keys_of_the_settings(gateway):
    assert works(gateway.lake())


def test_keys_of_the_environment(gateway, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", gateway.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", gateway.secret_key)
    assert works(Lake(gateway.lake().url, without_keys(gateway)))


@pytest.mark.parametrize("how", ["setting", "environment", "default"])
def test_a_profile(gateway, tmp_path, monkeypatch, how):
    name = "default" if how == "default" else "team"
    write_profile(tmp_path, name, gateway)
    options = without_keys(gateway)
    del options["aws_region"]
    if how == "setting":
        options["profile"] = name
    if how == "environment":
        monkeypatch.setenv("AWS_PROFILE", name)
    assert works(Lake(gateway.lake().url, options))


def write_profile(folder, name: str, bucket) -> None:
    header = name if name == "default" else f"profile {name}"
    (folder / "config").write_text(f"[{header}]\nregion = us-east-1\n")
    (folder / "credentials").write_text(
        f"[{name}]\naws_access_key_id = {bucket.access_key}\n"
        f"aws_secret_access_key = {bucket.secret_key}\n"
    )


def test_a_role_of_whom_the_keys_name(gateway, role):
    assert works(Lake(gateway.lake().url, {**gateway.options, "role": role}))


def test_a_role_of_a_profile(gateway, role, tmp_path, monkeypatch):
    write_profile(tmp_path, "team", gateway)
    with (tmp_path / "config").open("a") as config:
        config.write(f"[profile writer]\nrole_arn = {role}\nsource_profile = team\n")
        config.write("region = us-east-1\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", gateway.endpoint)
    assert works(Lake(gateway.lake().url, {**without_keys(gateway), "profile": "writer"}))


def test_a_web_identity(moto, tmp_path, monkeypatch):
    (tmp_path / "token").write_text("a token of whoever runs this")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/writer")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto.endpoint)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert works(Lake(moto.lake().url, without_keys(moto)))


def test_a_session_token_of_the_settings(gateway, role):
    assert works(Lake(gateway.lake().url, session(gateway, role)))


def session(bucket, role: str, **limits: str) -> dict[str, str]:
    """Options with temporary credentials."""
    sts = bucket.client("sts")
    made = sts.assume_role(RoleArn=role, RoleSessionName="tests", DurationSeconds=900, **limits)
    keys = made["Credentials"]
    return {
        **without_keys(bucket),
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }


def test_a_session_may_do_what_its_policy_says_and_no_more(gateway, role):
    lake = gateway.lake()
    assert works(lake)
    everything = [f"arn:aws:s3:::{gateway.name}", f"arn:aws:s3:::{gateway.name}/*"]
    reading = policy("s3:GetObject", "s3:ListBucket", resource=everything)
    reader = Lake(lake.url, session(gateway, role, Policy=reading))

    assert rows_of(product(), reader) == [(1, "DE", 1.0)]
    with pytest.raises(StorageError, match="access is denied") as raised:
        publish_small(product(), orders([(2, "DE", 2.0)]), reader, "third")
    assert raised.value.where == lake.table(product().id).url
    assert "rights" in raised.value.hint
    assert lake.table(product().id).version() == 1


def test_credentials_are_renewed_while_a_table_is_held(gateway, role):
    lake = Lake(gateway.lake().url, {**gateway.options, "role": role})
    declared = product()
    publish_small(declared, orders([(1, "DE", 1.0)]), lake, "first")
    table = lake.table(declared.id)
    seen, rows = table.snapshot(), table.scan()
    before = table.access.delta["aws_access_key_id"]
    table.access.credentials._found._expiry_time = datetime.now(UTC) + timedelta(seconds=1)

    publish_small(declared, orders([(2, "DE", 2.0)]), lake, "second", seen=seen)
    assert table.access.delta["aws_access_key_id"] != before
    assert rows.collect().height == 1


def test_a_prefix_that_is_denied_is_named(gateway):
    lake, other = gateway.lake(), gateway.lake()
    prefix = lake.url.partition(f"s3://{gateway.name}/")[2]
    denied = policy(
        "s3:PutObject",
        principal={"AWS": ["*"]},
        resource=f"arn:aws:s3:::{gateway.name}/{prefix}/*",
        effect="Deny",
    )
    client = gateway.client()
    client.put_bucket_policy(Bucket=gateway.name, Policy=denied)
    try:
        assert works(other)
        with pytest.raises(StorageError, match="access is denied") as raised:
            works(lake)
    finally:
        client.delete_bucket_policy(Bucket=gateway.name)

    assert raised.value.where.startswith(lake.url)


@pytest.mark.parametrize(
    ("changed", "value"),
    [("aws_secret_access_key", "a-wrong-secret"), ("aws_access_key_id", "nobody")],
)
def test_wrong_keys_are_refused_and_shown_nowhere(gateway, caplog, changed, value):
    lake = Lake(gateway.lake().url, {**gateway.options, changed: value})
    with pytest.raises(StorageError) as raised:
        works(lake)

    secret = lake.options["aws_secret_access_key"]
    chain = [raised.value, raised.value.__cause__, raised.value.__context__]
    assert "credentials" in raised.value.hint
    for shown in (*map(str, chain), *map(repr, chain), repr(lake), caplog.text):
        assert secret not in shown


def test_secrets_are_in_no_receipt_and_no_representation(gateway, role):
    lake = Lake(gateway.lake().url, {**gateway.options, "role": role})
    receipt = publish_small(product(), orders([(1, "DE", 1.0)]), lake, "run")
    table = lake.table(product().id)
    keys = table.access.delta
    log = b"".join(table.store.read(file.path) for file in table.store.list("_delta_log"))
    shown = [repr(item) for item in (lake, table, table.store, table.access, table.snapshot())]
    shown += [repr(table.access.credentials), json.dumps(receipt.as_json()), log.decode()]

    for secret in (gateway.secret_key, keys["aws_secret_access_key"], keys["aws_session_token"]):
        assert not [text for text in shown if secret in text]


def test_nobody_is_an_error_that_says_where_to_be_somebody(gateway):
    with pytest.raises(StorageError, match="no credentials were found") as raised:
        works(Lake(gateway.lake().url, without_keys(gateway)))
    assert "MESH_OBJECT_STORE__PROFILE" in raised.value.hint


@pytest.mark.parametrize("option", [{"profile": "nobody"}, {"role": "arn:aws:iam:::role/none"}])
def test_a_profile_or_role_that_there_is_not_is_named(gateway, option):
    with pytest.raises(StorageError, match=next(iter(option.values()))) as raised:
        works(
            Lake(
                gateway.lake().url,
                {**gateway.options, **option}
                if "role" in option
                else {**without_keys(gateway), **option},
            )
        )
    assert gateway.secret_key not in str(raised.value)


def test_a_private_authority_is_trusted_beside_the_systems(
    gateway, ceph_gateway, tmp_path, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", "")  # whatever it becomes, it is put back
    monkeypatch.delenv("SSL_CERT_FILE")
    secure = {**gateway.at(ceph_gateway.secure_endpoint).options, "allow_http": "false"}
    url = gateway.lake().url.removesuffix("/dev")
    stranger = Lake(url, {**secure, "retry_seconds": "0"})
    with pytest.raises(StorageError, match="certificate") as raised:
        works(stranger)
    assert "CA_BUNDLE" in raised.value.hint

    settings = load(
        tmp_path,
        storage=url,
        storage_options=secure,
        object_store={"ca_bundle": ceph_gateway.authority},
    )
    assert works(Lake.of(settings))
    trusted = Path(os.environ["SSL_CERT_FILE"]).read_text(encoding="utf-8")
    assert trusted.count("BEGIN CERTIFICATE") > 1
    assert Lake.of(settings) == Lake.of(settings)


def test_a_bucket_may_stand_in_the_name_of_the_host(moto):
    asked = set()

    def as_path(request, ask):
        """What a name server and the store do with such a host. The path is signed: moto's only."""
        assert not request.path.startswith(f"/{moto.name}/")
        asked.add(request.method)
        request.path = f"/{moto.name}{request.path}"
        return ask(request)

    with proxied(moto.endpoint, as_path) as endpoint:
        options = {**moto.at(endpoint).options, "aws_virtual_hosted_style_request": "true"}
        assert works(Lake(moto.lake().url, options))
    assert {"GET", "PUT"} <= asked


def test_certificates_that_are_not_there_are_named(tmp_path):
    settings = load(tmp_path, object_store={"ca_bundle": "nowhere.pem"})
    with pytest.raises(SettingsError, match="certificates cannot be read") as raised:
        Lake.of(settings)
    assert raised.value.where == str(tmp_path / "nowhere.pem")
