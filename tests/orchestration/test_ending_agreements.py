"""A run in Dagster says of agreements that its inputs are used under when they end soon."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

import mesh
from mesh.access.agreeing import Agreeing
from mesh.access.docket import Ballot, Docket
from mesh.access.rights import Rights
from mesh.access.roster import Roster
from mesh.access.terms import Terms
from mesh.catalog.cases import Verdict
from mesh.orchestration.authorising import ending_agreements
from mesh.products.collection import load_organization
from mesh.products.decision_rights import ConsumerKind
from tests.orchestration.small_mesh import SmallMesh

DAILY = "reports.daily_v1"
COLUMNS = ("observed_at", "reporter", "station", "temperature_f")


@pytest.fixture
def small(tmp_path):
    """A small mesh that declares who decides, so that personal columns need an agreement."""
    made = SmallMesh.at(tmp_path)
    rights = "decision_rights: [{changes: [waiver], decided_by: owner}]\n"
    made.write("teams/organization.yaml", f"name: Small\ndomains: [weather, reports]\n{rights}")
    made.workspace.register(load_organization(made.settings).domains)
    return made


def agreed(small, holder, days):
    """An agreement over all columns of the readings, for so many days."""
    catalog = small.workspace.catalog
    agreeing = Agreeing(Docket(catalog, Rights(), Roster.of_domains(catalog.domains())))
    until = datetime.now(UTC) + timedelta(days=days)
    terms = Terms(holder, ConsumerKind.PERSON, "what to wear", COLUMNS, until=until)
    case = agreeing.request("weather.readings_v1", terms, "cleo@example.com")
    for name in ("ada@example.com", "ben@example.com"):
        case = agreeing.vote(case.id, Ballot(Verdict.APPROVE, name))
    return case.id


def told(small):
    product = load_organization(small.settings).products[DAILY]
    return ending_agreements(product, small.workspace)


@pytest.mark.parametrize("holder", [DAILY, "reports"])
def test_an_input_under_an_agreement_that_ends_soon_is_told(small, holder):
    id_ = agreed(small, holder, 3)
    (line,) = told(small)
    assert line.startswith(f"weather.readings_v1 is read under agreement {id_}, which lasts until ")
    assert line.endswith(f"`mesh access renew {id_}` asks for more")


def test_an_agreement_that_ends_late_or_is_automatic_is_not_spoken_of(small):
    agreed(small, DAILY, 90)
    assert told(small) == []


def test_a_run_shows_it_in_its_log_and_with_its_publication(small):
    id_ = agreed(small, DAILY, 3)
    locations = [mesh.definitions(small.definitions_file(d)) for d in ("weather", "reports")]
    assets = [asset for location in locations for asset in location.assets]
    keys = [dg.AssetKey(["weather", "readings_v1"]), dg.AssetKey(["reports", "daily_v1"])]
    with dg.DagsterInstance.ephemeral() as instance:
        for country in ("US", "CA"):
            key = dg.AssetKey(["weather", "stations_v1"])
            dg.materialize(assets, selection=[key], instance=instance, partition_key=country)
        done = dg.materialize(assets, selection=keys, instance=instance)
        logged = [entry.user_message for entry in instance.all_logs(done.run_id)]

    assert done.success
    (event,) = done.asset_materializations_for_node("reports__daily_v1")
    assert f"agreement {id_}" in event.metadata["mesh/ending_agreements"].value
    (event,) = done.asset_materializations_for_node("weather__readings_v1")
    assert "mesh/ending_agreements" not in event.metadata
    assert any(f"{DAILY}: weather.readings_v1 is read under agreement {id_}" in x for x in logged)
