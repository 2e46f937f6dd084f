"""A catalog by URL: what goes wrong between the two ends, and what each of them may do."""

import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mesh.catalog.agreements import SEPARATE
from mesh.catalog.chain import NewEntry
from mesh.catalog.decision_log import LogQuery, state_of
from mesh.catalog.receipts import InputVersion
from mesh.catalog.remote import client
from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync
from mesh.catalog.tokens import Scope
from mesh.errors import CatalogError, MeshError, NotAllowedError, UnknownProductError
from mesh.products.policy_files import PolicyFile
from mesh.settings import load
from tests.catalog.factories import domain, product, receipt
from tests.serving.live import served

WEATHER = "weather.observations_v1"


@pytest.fixture
def server(sqlite_url):
    with served(sqlite_url) as running:
        yield running


def opened(server, *scopes: str) -> Catalog:
    token = server.behind.tokens.create("ada", [Scope(s) for s in scopes], lasting=60).secret
    return Catalog.open(server.url, token)


class Replies(BaseHTTPRequestHandler):
    """A server of which each test says what it answers, in order."""

    answers: list[tuple[int, dict[str, str], object]]

    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        status, headers, content = self.answers.pop(0)
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 -- the name that http.server asks for

    def log_message(self, *_):
        pass


@pytest.fixture
def replying():
    """The URL of a server that gives these answers."""
    running = []

    def start(*answers):
        handler = type("Handler", (Replies,), {"answers": list(answers)})
        server = HTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}", handler.answers

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def impatient(monkeypatch):
    """Pauses are a matter of time: none is waited for."""
    monkeypatch.setattr(client.time, "sleep", lambda _: None)


OURS = (200, {}, {"protocol": 1, "mesh": "0.1.0"})


def test_what_one_end_records_the_other_reads(server):
    with opened(server, "write") as catalog:
        catalog.register(domain("weather", product(WEATHER)))
        catalog.record(receipt(WEATHER, 0, [InputVersion("fleet.aircraft_v1", 2, "aircraft")]))
        assert server.behind.product(WEATHER) == catalog.product(WEATHER)
        assert catalog.where == server.url


def test_a_token_that_may_read_cannot_write(server):
    with opened(server, "read") as catalog:
        assert catalog.products() == []
        with pytest.raises(CatalogError, match="the token is not good for publish") as caught:
            catalog.record(receipt(WEATHER))
    assert "--scope publish" in caught.value.hint
    assert server.behind.receipts(WEATHER) == []


def test_a_token_that_publishes_records_runs_of_what_is_registered(server):
    with opened(server, "write") as catalog:
        catalog.register(domain("weather", product(WEATHER)))
        catalog.policies.register_organization({"name": "A Mesh", "domains": ["weather"]}, ())
    with opened(server, "publish") as catalog:
        catalog.register(domain("weather", product(WEATHER)))
        catalog.policies.register_organization({"name": "A Mesh", "domains": ["weather"]}, ())
        catalog.record(receipt(WEATHER))
    assert len(server.behind.receipts(WEATHER)) == 1


RULE = PolicyFile("domains/policies/all.cedar", "permit (principal, action, resource);")
ENTRY = NewEntry("access.approved", "ada", WEATHER)
APART = NewEntry("access.separated", "ada", WEATHER, state_of("separation", WEATHER, SEPARATE))
CHANGES = {
    "domains": lambda c: c.register(domain("weather", product(WEATHER), product("weather.own_v1"))),
    "organisation": lambda c: c.policies.register_organization(
        {"name": "Mine", "domains": ["weather"]}, ()
    ),
    "policies": lambda c: c.policies.take_organization({"name": "A Mesh", "domains": []}, [RULE]),
    "log": lambda c: c.decisions.append([ENTRY]),
    "samples": lambda c: c.forget_samples(WEATHER),
    "profiles": lambda c: c.profiles.forget(["of-a-publication"]),
    "agreements": lambda c: c.agreements.separate(product(WEATHER).id, APART),
    "search": lambda c: c.search.rebuild(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_token_that_publishes_changes_nothing_by_which_anybody_decides(server, change):
    server.behind.register(domain("weather", product(WEATHER)))
    head = server.behind.decisions.head()
    with (
        opened(server, "publish") as catalog,
        pytest.raises(CatalogError, match="the token is not good for write") as caught,
    ):
        change(catalog)
    assert "`mesh catalog sync`" in caught.value.hint
    assert server.behind.decisions.head() == head
    assert server.behind.policies.files() == []
    assert server.behind.product_ids() == [product(WEATHER).id]


def test_only_an_administrators_token_makes_tokens(server):
    with opened(server, "write") as catalog, pytest.raises(CatalogError, match="good for admin"):
        catalog.tokens.create("eve", [Scope.ADMIN], lasting=60)
    with opened(server, "admin") as catalog:
        made = catalog.tokens.create("bo", [Scope.READ], lasting=60)
        assert made.record in catalog.tokens.all()
    assert server.behind.tokens.known(made.secret).principal == "bo"


def test_a_token_that_is_not_known_is_refused(server):
    with pytest.raises(CatalogError, match="unknown, expired or revoked") as caught:
        Catalog.open(server.url, "mesh_not_a_token")
    assert "MESH_CATALOG__TOKEN" in caught.value.hint


def test_nobody_writes_without_a_token(server):
    with (
        Catalog.open(server.url) as catalog,
        pytest.raises(CatalogError, match="needs a token for publish") as caught,
    ):
        catalog.record(receipt(WEATHER))
    assert "MESH_CATALOG__TOKEN" in caught.value.hint


def test_errors_come_back_as_they_were_raised(server):
    server.behind.register(domain("weather", product(WEATHER)))
    with opened(server, "read") as catalog, pytest.raises(UnknownProductError) as caught:
        catalog.product("weather.observation_v1")
    assert caught.value.name == "weather.observation_v1"
    assert caught.value.near == (WEATHER,)
    assert "did you mean" in caught.value.hint


def test_nobody_there_is_an_error_that_says_so(impatient):
    with pytest.raises(CatalogError, match="nobody answers there") as caught:
        Catalog.open("http://127.0.0.1:9")
    assert "mesh serve" in caught.value.hint


def test_something_else_there_is_no_catalog(replying):
    url, _ = replying((200, {}, {"hello": "world"}))
    with pytest.raises(CatalogError, match="is no catalog"):
        Catalog.open(url)


def test_a_newer_server_is_refused(replying):
    url, _ = replying((200, {}, {"protocol": 2, "mesh": "9.0.0"}))
    with pytest.raises(CatalogError, match=r"a newer Mesh, 9\.0\.0") as caught:
        Catalog.open(url)
    assert caught.value.hint == "upgrade Mesh here"


def test_an_older_server_that_lacks_an_operation_says_so(replying):
    missing = {"status": 404, "title": "Not Found", "detail": "this catalog has no operation"}
    url, _ = replying(OURS, (404, {}, missing))
    with Catalog.open(url) as catalog, pytest.raises(CatalogError, match="no operation") as caught:
        catalog.products()
    assert "older" in caught.value.hint


def test_a_server_that_is_busy_is_asked_again(replying, impatient):
    busy = (503, {"retry-after": "1"}, {"detail": "busy"})
    url, left = replying(OURS, busy, (429, {}, {}), (200, {}, {"result": []}))
    with Catalog.open(url) as catalog:
        assert catalog.products() == []
    assert left == []


def test_a_server_that_stays_busy_is_an_error(replying, impatient):
    url, _ = replying(OURS, *[(503, {}, {"detail": "the catalog cannot be used now"})] * 6)
    with Catalog.open(url) as catalog, pytest.raises(CatalogError, match="cannot be used now"):
        catalog.products()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://catalog.example.org", "let others read the token"),
        ("https://ada:secret@catalog.example.org", "cannot be used"),
        ("https://catalog.example.org?x=1", "cannot be used"),
    ],
)
def test_a_url_that_would_tell_secrets_is_refused(url, message):
    with pytest.raises(CatalogError, match=message) as caught:
        Catalog.open(url)
    assert "https" in caught.value.hint


def test_a_closed_catalog_opens_again_when_it_is_used(server):
    catalog = opened(server, "read")
    catalog.close()
    assert catalog.products() == []
    catalog.close()


def test_what_needs_the_database_itself_says_so(server):
    with opened(server, "read") as catalog, pytest.raises(CatalogError, match="own database"):
        catalog._database.reading()


def test_a_body_over_the_limit_names_the_setting(sqlite_url):
    with (
        served(sqlite_url, body_bytes=2_000) as server,
        opened(server, "write") as catalog,
        pytest.raises(MeshError, match="larger than 2,000 bytes") as caught,
    ):
        catalog.record_all([receipt(WEATHER, version) for version in range(50)])
    assert "serving.body_bytes" in caught.value.hint


def test_only_reading_holds_for_a_local_catalog_too(sqlite_url):
    from mesh.catalog.database import only_reading

    with Catalog.open(sqlite_url) as catalog:
        with only_reading(), pytest.raises(NotAllowedError):
            catalog.record(receipt(WEATHER))
        catalog.record(receipt(WEATHER))


def test_the_settings_open_a_remote_catalog(server, tmp_path, monkeypatch):
    from mesh.orchestration.workspace import Workspace

    monkeypatch.setenv("MESH_CATALOG__URL", server.url)
    monkeypatch.setenv("MESH_CATALOG__TOKEN", server.token)
    settings = load(tmp_path)
    assert server.token not in repr(settings)
    workspace = Workspace.open(settings)
    workspace.register([domain("weather", product(WEATHER))])
    report = sync(workspace.catalog, workspace.lake)
    workspace.catalog.close()
    assert report.unreadable == ()
    assert [record.name for record in server.behind.products()] == [WEATHER]


def test_a_token_decides_only_for_whom_it_stands(server):
    entry = NewEntry("access.vote", "bo", WEATHER)
    with opened(server, "write") as catalog:
        with pytest.raises(NotAllowedError, match="ada cannot decide for bo"):
            catalog.decisions.append([entry])
        catalog.decisions.append([replace(entry, who="Ada"), replace(entry, kind="read")])
    with opened(server, "admin") as catalog:
        catalog.decisions.append([entry])
    with opened(server, "read") as catalog, pytest.raises(CatalogError, match="good for write"):
        catalog.decisions.append([replace(entry, who="ada")])
    assert server.behind.decisions.verify().entries == 3


def test_the_decision_log_is_not_for_somebody_without_a_token(server):
    with Catalog.open(server.url) as catalog:
        assert catalog.decisions.verify().holds
        with pytest.raises(MeshError, match="needs a token"):
            catalog.decisions.entries(LogQuery())
    with opened(server, "read") as catalog:
        assert catalog.decisions.entries(LogQuery()) == []
