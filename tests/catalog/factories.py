"""Domains, products, receipts and refusals, made by hand for tests of the catalog."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mesh.catalog.receipts import InputVersion, Receipt, Refusal, RuleTally, publication_id
from mesh.contracts.arrow import Difference
from mesh.contracts.model import Classification, Column, Contract, Rule, Scope, Severity, Version
from mesh.contracts.verdict import Finding, Outcome, Verdict
from mesh.naming import ProductId
from mesh.products.collection import Domain
from mesh.products.declaration import DataProduct
from mesh.products.domain import DomainManifest
from mesh.products.ports import Freshness, Input, Quarantine

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def manifest(name: str, purpose: str = "Knows the weather.") -> DomainManifest:
    return DomainManifest.model_validate(
        {
            "name": name,
            "title": name.title(),
            "purpose": purpose,
            "kind": "source-aligned",
            "team": {
                "name": f"Team {name}",
                "product_owner": {"name": "Ada Öwner", "email": "ada@example.org"},
                "business_technology_partner": {"name": "Bo", "email": "bo@example.org"},
                "data_steward": {"name": "Cy", "email": "cy@example.org"},
                "members": [
                    {"name": "Di", "email": "di@example.org"},
                    {"name": "Ed", "email": "ed@example.org"},
                ],
            },
            "contact": {"email": f"{name}@example.org", "channel": f"#{name}"},
            "terms": {"usage": "anything", "limitations": "not for safety"},
        }
    )


def contract(
    version: str = "1.0.0", *extra: str, description: str = "", references: str = ""
) -> Contract:
    """A contract with a key, a range and, if asked, further columns and a reference."""
    rules = [
        Rule("origin_not_null", "origin is not null", "not_null", ("origin",)),
        Rule(
            "speed_in_range",
            "speed in [0, inf]",
            "in_range",
            ("speed",),
            {"min_value": 0.0, "max_value": float("inf")},
        ),
    ]
    if references:
        arguments = {"to": references}
        text = f"origin is in {references}"
        rules.append(
            Rule(
                "origin_references",
                text,
                "references",
                ("origin",),
                arguments,
                Severity.WARNING,
                Scope.SET,
            )
        )
    return Contract(
        name="Observations",
        version=Version.parse(version),
        description=description,
        columns=(
            Column("origin", "string", key_position=0, references=references),
            Column("speed", "float64", is_nullable=True, unit="mph", description="Wind speed"),
            Column("owner", "string", classification=Classification.PERSONAL),
            *(Column(name, "int64") for name in extra),
        ),
        rules=tuple(rules),
    )


def product(name: str, promise: Contract | None = None, **inputs: str | Input) -> DataProduct:
    """A product of that name; inputs by port, as `mesh.Input` or another product's name."""
    key = ProductId.parse(name)
    ports = {port: Input(use) if isinstance(use, str) else use for port, use in inputs.items()}
    return DataProduct(
        id=key,
        contract=promise or contract(f"{key.major}.0.0"),
        transform=lambda: None,
        description=f"What {name} is.",
        inputs=ports,
        on_violation=Quarantine(0.01),
        partition_by=("origin",),
        freshness=Freshness("1d"),
        schedule="0 5 * * *",
        tags={"season": "all"},
        source=f"domains/{key.domain}/products/{key.module_name}.py",
        code_version="abc123",
    )


def domain(name: str, *products: DataProduct, purpose: str = "Knows the weather.") -> Domain:
    return Domain(name, Path("domains") / name, manifest(name, purpose), products)


def receipt(
    name: str,
    version: int = 0,
    inputs: Sequence[InputVersion] = (),
    *,
    run: str = "",
) -> Receipt:
    """The receipt of the publication that made a version; an hour after the one before."""
    run_id = run or f"run-{version}"
    promise = contract()
    return Receipt(
        publication_id=publication_id(name, run_id),
        product=name,
        contract_version="1.0.0",
        contract_digest=promise.digest,
        run_id=run_id,
        partition="",
        published_at=NOON + timedelta(hours=version),
        table_url=f"/lake/dev/{ProductId.parse(name).table_path}",
        write_mode="overwrite",
        rows_accepted=26_114,
        rows_rejected=1,
        tallies=(
            RuleTally("speed_in_range", "speed in [0, inf]", Severity.ERROR, Outcome.FAILED, 1),
        ),
        inputs=tuple(inputs),
        files=2,
        bytes=5_000_000_000,
        table_version=version,
    )


def refusal(name: str, run: str = "run-0") -> Refusal:
    """A refusal whose sample holds what databases like least."""
    rule = contract().rules[1]
    verdict = Verdict(
        rows=3,
        accepted=2,
        rejected=1,
        findings=(
            Finding(
                rule,
                Outcome.FAILED,
                1,
                17,
                ({"speed": float("nan"), "origin": "E\0W\ud800R"},),
            ),
        ),
        differences=(Difference("gust", "float64", "missing", "add it"),),
        reasons=("1 of 3 rows is rejected",),
    )
    return Refusal(
        publication_id=publication_id(name, run),
        product=name,
        contract_version="1.0.0",
        run_id=run,
        partition="2013-01",
        refused_at=NOON,
        verdict=verdict,
        inputs=(InputVersion("fleet.aircraft_v1", 3, "aircraft", ("speed",)),),
    )


def later(refused: Refusal, hours: int) -> Refusal:
    return replace(refused, refused_at=refused.refused_at + timedelta(hours=hours))
