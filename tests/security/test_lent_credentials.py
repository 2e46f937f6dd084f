"""What somebody would try who wants files of which a row, a column or a value is hidden from them.

Over HTTP, on Ceph's gateway, which holds what was lent to its policy.
"""

import io
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import deltalake
import polars as pl
import pytest
from starlette.testclient import TestClient

import mesh
from mesh.access.model import Agreement
from mesh.catalog.database import Database
from mesh.catalog.decision_log import LogQuery
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.errors import AccessDeniedError, CatalogUnavailableError
from mesh.lake.removed import removals_of
from mesh.reading import lending
from mesh.serving.app import make_app
from mesh.serving.readers import Readers
from mesh.upkeep.erasure import Erasure
from tests.access.ports import view_of
from tests.behaviour.roles import a_reader_role, a_role
from tests.behaviour.stores import Bucket
from tests.catalog.factories import domain
from tests.products.small import Things, declared, named
from tests.serving.sharing import lakes as shared
from tests.serving.sharing.lakes import ANA, CARL, DAN, FLIGHTS, OLGA, changed, whole

TABLE = "shop/flights_v1"


class Trips(mesh.Contract):
    """One row per trip, with who took it."""

    id: int = mesh.Field(key=True)
    passenger: str = mesh.Field(classification="personal")


class FewerTrips(mesh.Contract):
    """One row per trip."""

    id: int = mesh.Field(key=True)


TRIPS = declared(named("trips"), contract=Trips)
NAMES = declared(named("names"), contract=Things)
FEWER = declared(named("trips"), contract=FewerTrips)


@pytest.fixture(scope="module")
def lake(gateway, tmp_path_factory):
    """A lake in a bucket that lends."""
    place, root = gateway.lake(), tmp_path_factory.mktemp("mesh")
    url, options = place.url.removesuffix("/dev"), dict(place.options)
    role = {"role": a_reader_role(gateway)}
    return shared.make(root, storage=url, storage_options=options, lending=role)


@pytest.fixture
def catalog(lake):
    with Catalog.open(lake.database) as opened:
        yield opened


@pytest.fixture
def asking(lake, catalog):
    """Ask for credentials, as somebody."""
    with client_of(lake, catalog) as client:

        def ask(name=ANA, path=TABLE, *, token=None, **headers):
            secret = lake.token(name) if token is None else token
            told = {"authorization": f"Bearer {secret}"} if secret else {}
            return client.post(f"/v1/products/{path}/credentials", headers={**told, **headers})

        yield ask


def client_of(lake, catalog):
    readers = Readers(catalog, lake.deciding, lake.settings)
    app = make_app(catalog, lake.settings.serving, deciding=lake.deciding, readers=readers)
    return TestClient(app, base_url="http://localhost")


def entries(catalog):
    """What the log has of what was lent, oldest first."""
    return catalog.decisions.entries(LogQuery(kinds=(lending.CREDENTIALS,)), 1_000)[::-1]


def options_of(answer):
    """What was lent, as delta-rs takes it."""
    keys = answer.json()["aws_temp_credentials"]
    return answer.json()["storage_options"] | {f"aws_{name}": keys[name] for name in keys}


def stranger(gateway, answer):
    """AWS's own client with what was lent."""
    keys = answer.json()["aws_temp_credentials"]
    lent = Bucket(gateway.endpoint, keys["access_key_id"], keys["secret_access_key"])
    return lent.client(aws_session_token=keys["session_token"])


def agreed(until, **conditions):
    """Everything, under an agreement that ends."""

    def view(ask):
        agreement = Agreement("a1", ask.port.name, ask.principal.name, "p", None, until, conditions)
        return replace(whole(ask), agreement=agreement)

    return view


def denied(answer, *words):
    """Whether it was refused, in these words, and nothing was lent."""
    assert answer.status_code == 403, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "aws" not in answer.text
    told = answer.json()
    return all(word in f"{told['detail']} {told.get('hint', '')}" for word in words)


# What is had by who sees everything


def test_who_sees_everything_reads_the_files_themselves(asking, lake):
    answer = asking()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told["url"] == lake.lake.table(FLIGHTS.id).url
    assert told["product"] == "shop.flights_v1"
    found = deltalake.DeltaTable(told["url"], storage_options=options_of(answer))
    assert found.version() == told["table_version"]
    assert pl.scan_delta(told["url"], storage_options=options_of(answer)).collect().height == 4
    left = told["expiration_time"] / 1000 - datetime.now(UTC).timestamp()
    assert 800 < left <= 901


def test_what_was_lent_reads_no_other_product(asking, lake):
    options = options_of(asking())
    for other in (shared.THINGS, shared.SECRETS):
        with pytest.raises(Exception, match=r"(?i)denied|403|permission"):
            deltalake.DeltaTable(lake.lake.table(other.id).url, storage_options=options)


def test_names_of_partitions_may_be_any(asking, lake):
    lake.publish(shared.THINGS, shared.things(**{"a b/ä%20+?&*${x}": 3}), "odd")
    answer = asking(ANA, "shop/things_v1")
    found = pl.read_delta(answer.json()["url"], storage_options=options_of(answer))
    assert "a b/ä%20+?&*${x}" in found["name"].to_list()


# Who is refused


@pytest.mark.parametrize(
    ("hidden", "word"),
    [
        ({"tail_number": "hash"}, "masked: tail_number"),
        ({"carrier": "null"}, "masked: carrier"),
        ({"fare": "truncate:5"}, "masked: fare"),
        ({"seats": "drop"}, "not shown: seats"),
        ({"rows": shared.UNITED}, "rows are left out"),
    ],
)
def test_one_mask_one_filter_or_one_column_is_enough_to_be_refused(
    asking, lake, catalog, hidden, word
):
    before = len(entries(catalog))
    with changed(lake.views, DAN, lambda ask: view_of(ask.port, principal=ask.principal, **hidden)):
        assert denied(asking(DAN), word, "rows, SQL and Delta Sharing")
    assert len(entries(catalog)) == before


def test_a_filter_that_lets_every_row_through_is_one_all_the_same(asking, lake):
    rows = shared.Rows(pl.lit(value=True), "true")
    with changed(lake.views, DAN, lambda ask: view_of(ask.port, rows=rows)):
        assert denied(asking(DAN), "rows are left out")


def test_who_sees_a_part_or_nothing_is_refused(asking):
    assert denied(asking(CARL), "rows are left out", "masked: tail_number", "not shown: seats")
    assert denied(asking(DAN), "no agreement")


def test_a_product_that_is_private_to_others_is_refused(asking):
    assert denied(asking(ANA, "vault/secrets_v1"), "private")
    assert asking(OLGA, "vault/secrets_v1").status_code == 200


def test_a_column_of_earlier_versions_is_hidden_in_the_files_and_so_refused(asking, lake, catalog):
    rows = pl.DataFrame({"id": [1], "passenger": ["Noor Rahman"]})
    products = (FLIGHTS, shared.THINGS)
    catalog.register(domain("shop", *products, TRIPS))
    lake.publish(TRIPS, rows, "first")
    assert asking(ANA, "shop/trips_v1").status_code == 200
    catalog.register(domain("shop", *products, FEWER))
    _without_passengers(lake, rows.select("id"))
    answer = asking(ANA, "shop/trips_v1")
    assert denied(answer, "versions before have columns")
    assert "passenger" not in answer.text


def _without_passengers(lake, rows):
    """Another writer takes a column away, which Mesh would refuse within a major."""
    table = lake.lake.table(TRIPS.id)
    options = {"storage_options": dict(table.options), "schema_mode": "overwrite"}
    deltalake.write_deltalake(table.url, rows.to_arrow(), mode="overwrite", **options)


# Until when


@pytest.mark.parametrize("minutes", [-1, 0, 1, 14, 15])
def test_an_agreement_that_ends_before_credentials_could_lends_none(asking, lake, minutes):
    end = datetime.now(UTC) + timedelta(minutes=minutes)
    with changed(lake.views, DAN, agreed(end)):
        assert denied(asking(DAN), "ends too soon", "15 minutes", "mesh access renew a1")


def test_credentials_end_before_the_agreement_does(asking, lake, catalog):
    end = datetime.now(UTC) + timedelta(minutes=20)
    longer = lake.settings.lending.model_copy(update={"seconds": 3600})
    settings = lake.settings.model_copy(update={"lending": longer})
    with (
        changed(lake.views, DAN, agreed(end)),
        client_of(replace(lake, settings=settings), catalog) as client,
    ):
        bearing = {"authorization": f"Bearer {lake.token(DAN)}"}
        told = client.post(f"/v1/products/{TABLE}/credentials", headers=bearing).json()
    left = end - datetime.fromtimestamp(told["expiration_time"] / 1000, UTC)
    assert timedelta() <= left < timedelta(minutes=2)
    assert entries(catalog)[-1].content["agreement"] == told["agreement"] == "a1"


def test_a_right_that_a_policy_ends_sooner_lends_nothing(asking, lake):
    soon = datetime.now(UTC) + timedelta(minutes=10)

    def until(ask):
        if ask.now > soon:
            raise AccessDeniedError("the season is over", where=ask.port.name, policies=["season"])
        return whole(ask)

    def masked_from(ask):
        return view_of(ask.port, tail_number="hash") if ask.now > soon else whole(ask)

    with changed(lake.views, DAN, until):
        answer = asking(DAN)
        assert denied(answer, "not until credentials would end", "the season is over")
        assert answer.json()["policies"] == ["season"]
    with changed(lake.views, DAN, masked_from):
        assert denied(asking(DAN), "does not see all of shop.flights_v1 until")


def test_what_is_revoked_lends_nothing_more(asking, lake, catalog):
    with changed(lake.views, DAN, whole):
        first = asking(DAN)
        assert first.status_code == 200
    assert denied(asking(DAN))
    # What SECURITY.md says: what was lent before is good until its end.
    assert pl.read_delta(first.json()["url"], storage_options=options_of(first)).height == 4


# By token and by name


def test_only_a_token_that_reads_is_lent_anything(asking, lake, catalog):
    assert asking(token="").status_code == 401
    assert asking(token="mesh_nonsense").status_code == 401
    assert asking(token=lake.token(ANA, Scope.EVENTS)).status_code == 403
    ended = catalog.tokens.create(ANA, [Scope.READ], lasting=60)
    catalog.tokens.revoke(ended.record.id)
    assert asking(token=ended.secret).status_code == 401
    assert asking(token="", cookie="mesh_session=anything").status_code == 401
    assert asking(token=lake.token(ANA, Scope.WRITE)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "shop/../vault/secrets_v1",
        "shop/%2E%2E%2Fvault%2Fsecrets_v1",
        "shop/flights_v1%2F..%2Fsecrets_v1",
        "shop/flights_v1_quarantine",
        "shop/flights_v10",
        "shop/flights",
        "shop/flights_v1*",
        "shop/*",
        "shop/flights_v1%00",
        "shop/flights_v1%0A",
        "SHOP/flights_v1",
        "shop/${aws:username}",
        "shop/flights_v1.things_v1",
    ],
)
def test_a_name_leads_to_the_product_that_has_it_or_to_nothing(asking, path):
    answer = asking(DAN, path)
    assert answer.status_code in {403, 404, 405}
    assert "aws_temp" not in answer.text
    answer = asking(ANA, path)
    if answer.status_code == 200:  # a name without its major is the product's
        assert answer.json()["product"] == "shop.flights_v1"


def test_credentials_are_asked_for_and_never_linked_to(lake, catalog):
    with client_of(lake, catalog) as client:
        bearing = {"authorization": f"Bearer {lake.token(ANA)}"}
        assert client.get(f"/v1/products/{TABLE}/credentials", headers=bearing).status_code == 405


# The log, and secrets


def test_each_is_in_the_log_before_it_is_given_and_no_secret_is(asking, catalog, caplog):
    caplog.set_level(logging.DEBUG)
    answer = asking(**{"mesh-purpose": "compare carriers"})
    entry, told = entries(catalog)[-1], answer.json()
    assert (entry.who, entry.subject) == (ANA, "shop.flights_v1")
    until = datetime.fromisoformat(entry.content["until"])
    assert int(until.timestamp() * 1000) == told["expiration_time"]
    assert entry.content["table_version"] == told["table_version"]
    assert entry.content["purpose"] == "compare carriers"
    assert "tail_number" in entry.content["columns"]
    assert catalog.decisions.verify().holds
    written = json.dumps(entry.as_json()) + caplog.text
    for name in ("secret_access_key", "session_token", "access_key_id"):
        assert told["aws_temp_credentials"][name] not in written


def test_what_cannot_be_logged_is_not_lent(lake, catalog, monkeypatch):
    with client_of(lake, catalog) as client:
        bearing = {"authorization": f"Bearer {lake.token(ANA)}"}
        monkeypatch.setattr(Database, "writing", broken)
        answer = client.post(f"/v1/products/{TABLE}/credentials", headers=bearing)
    assert answer.status_code == 503
    assert "aws_temp" not in answer.text


def broken(_):
    """A log that cannot be written now."""
    raise CatalogUnavailableError("the database is away")


# The store


def test_a_store_that_lends_none_is_told_without_its_place(tmp_path):
    lake = shared.make(tmp_path)
    with Catalog.open(lake.database) as catalog, client_of(lake, catalog) as client:

        def ask(name):
            bearing = {"authorization": f"Bearer {lake.token(name)}"}
            return client.post(f"/v1/products/{TABLE}/credentials", headers=bearing)

        assert denied(ask(CARL))
        answer = ask(ANA)
    assert answer.status_code == 501
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["error"] == "NotLentError"
    assert str(tmp_path) not in answer.text
    assert "Delta Sharing" in answer.json()["hint"]


def test_a_store_that_would_lend_more_lends_nothing_and_says_no_more(
    gateway, lake, catalog, caplog
):
    role = a_role(gateway)
    unsafe = lake.settings.lending.model_copy(update={"role": role})
    settings = lake.settings.model_copy(update={"lending": unsafe})
    before = len(entries(catalog))
    with client_of(replace(lake, settings=settings), catalog) as client:
        bearing = {"authorization": f"Bearer {lake.token(ANA)}"}
        answer = client.post(f"/v1/products/{TABLE}/credentials", headers=bearing)
    assert (answer.status_code, answer.json()["error"]) == (502, "UnsafeStoreError")
    assert role not in answer.text
    assert role in caplog.text
    assert len(entries(catalog)) == before


# What goes while somebody holds them


def test_erased_rows_are_gone_from_all_that_was_lent(asking, lake, gateway, catalog):
    catalog.register(domain("shop", FLIGHTS, shared.THINGS, NAMES))
    lake.publish(NAMES, pl.DataFrame({"id": [1, 2], "name": ["Noor", "Rosa"]}), "first")
    lake.publish(NAMES, pl.DataFrame({"id": [1, 2, 3], "name": ["Noor", "Rosa", "Ana"]}), "second")
    answer = asking(ANA, "shop/names_v1")
    client = stranger(gateway, answer)
    assert "Noor" in names_in(client, gateway, answer)
    settings = lake.settings.publishing
    erasure = Erasure(lake.lake, catalog, NAMES.id, "name = 'Noor'", settings)
    erasure.apply(why="she asked", by="tests")
    assert names_in(client, gateway, answer) == {"Rosa", "Ana"}
    assert removals_of(lake.lake.table(NAMES.id))
    assert pl.read_delta(answer.json()["url"], storage_options=options_of(answer)).height == 2


def names_in(client, gateway, answer):
    """Every name in any file that can be read there, whichever version shows it, and in the log."""
    prefix = answer.json()["url"].partition(f"s3://{gateway.name}/")[2] + "/"
    found = set()
    for item in client.list_objects_v2(Bucket=gateway.name, Prefix=prefix)["Contents"]:
        if "/_mesh/" in item["Key"]:
            continue
        data = client.get_object(Bucket=gateway.name, Key=item["Key"])["Body"].read()
        if item["Key"].endswith(".parquet") and "_delta_log" not in item["Key"]:
            found |= set(pl.read_parquet(io.BytesIO(data))["name"].to_list())
        else:
            found |= {name for name in ("Noor",) if name.encode() in data}
    return found
