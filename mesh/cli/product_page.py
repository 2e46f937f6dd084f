"""A product as people read it on a terminal, made from the plain values of `show.describe`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from mesh.catalog.model import RetirementRecord
from mesh.catalog.receipts import InputVersion
from mesh.cli import console
from mesh.contracts.odcs.model import texts_for_people
from mesh.products.expectations import expectations_of
from mesh.products.ports import Input

_LABEL = 15
_MOST_COLUMNS = 6
_MOST_MISSING = 6


def print_product(account: Mapping[str, Any]) -> None:
    """Print everything about a product."""
    console.say(account["product"], "bold")
    console.say(account["description"])
    console.say()
    for label, lines in (
        ("retired", _retired(account["retired"])),
        ("deprecated", _deprecated(account)),
        ("owner", _owner(account)),
        ("domain", [f"{account['domain']} ({account['kind']})"]),
        ("contact", [_joined(account["contact"]["email"], account["contact"]["channel"])]),
        ("terms", filter(None, account["terms"].values())),
        ("access", [account["access"]]),
        ("made by", [_joined(account["source"], f"engine {account['engine']}")]),
        ("table", [account["table"]]),
        ("writes", [_write(account)]),
        ("glossary", _glossary(account["glossary"])),
        ("documentation", [_documentation(account["documentation"])]),
        ("tags", [f"{name}: {value}" for name, value in account["tags"].items()]),
        ("service levels", _service_levels(account["service_levels"])),
        ("last receipt", _receipt(account["last_receipt"])),
        ("by others", _foreign(account["foreign_versions"])),
        ("last refusal", _refusal(account["last_refusal"])),
        ("quarantine", _quarantine(account["quarantine"])),
        ("made from", _neighbours(account, "up")),
        ("feeds", _neighbours(account, "down")),
        ("used by", _users(account["used_by"])),
        ("expects", _expects(account["inputs"])),
        ("expected of it", _expected(account["expected_by"])),
    ):
        _print_entry(label, lines)
    _print_contract(account["contract"])


def print_ended(account: Mapping[str, Any]) -> None:
    """Print what is known of a retired product that nobody declares any more."""
    console.say(account["product"], "bold")
    console.say(account["description"])
    console.say()
    for label, lines in (
        ("retired", _retired(account["retired"])),
        ("owner", filter(None, [_joined(account["team"], account["contact"])])),
        ("contract", filter(None, [account["contract_version"]])),
        ("table", [account["table"]]),
        ("last receipt", _receipt(account["last_receipt"])),
        ("still read by", account["consumers"]),
    ):
        _print_entry(label, lines)


def _print_entry(label: str, lines: Iterable[str]) -> None:
    for number, line in enumerate(lines):
        text = Text(f"{label if number == 0 else '':<{_LABEL}}", style="cyan")
        text.append(console.visible(console.one_line(line)), style="default")
        console.stdout().print(text)


def _print_contract(contract: Mapping[str, Any]) -> None:
    console.say()
    console.say(f"contract {contract['name']} {contract['version']}", "bold")
    console.say(contract["description"])
    made = console.table(
        "column", "type", "", "unit", "class", "description", wrapping=["description"]
    )
    for column in contract["columns"]:
        console.add_row(
            made,
            column["name"],
            column["type"],
            _marks(column),
            column["unit"],
            column["classification"],
            console.one_line(column["description"]),
        )
    console.print_table(made)
    rules = console.table("rule", "severity", "decided on")
    for rule in contract["rules"]:
        where = "each row" if rule["scope"] == "row" else "the whole"
        console.add_row(rules, rule["text"], rule["severity"], where)
    for text in texts_for_people(contract.get("document", {}), contract.get("table", "")):
        console.add_row(rules, console.one_line(text), console.NOTHING, "nothing: for people")
    console.print_table(rules)


def _marks(column: Mapping[str, Any]) -> str:
    marks = ["key" if column["key_position"] is not None else ""]
    marks.append("nullable" if column["is_nullable"] else "")
    return " ".join(filter(None, marks))


def _owner(account: Mapping[str, Any]) -> Iterable[str]:
    team = account["team"]
    yield team["name"]
    for role in ("product_owner", "business_technology_partner", "data_steward"):
        person = team[role]
        yield f"{role.replace('_', ' ')}: {person['name']} <{person['email']}>"
    for person in team["members"]:
        yield f"member: {person['name']} <{person['email']}>"


def _write(account: Mapping[str, Any]) -> str:
    by = ", ".join(account["partition_by"])
    order = ", ".join(account["cluster_by"])
    laid_out = f"{f', partitioned by {by}' if by else ''}{f', ordered by {order}' if order else ''}"
    return f"{account['write'].replace('_', ' ')}{laid_out}"


def _glossary(terms: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """What words of the business mean here, and which columns they are about."""
    for term in terms:
        about = [*(["the whole"] if term["is_whole"] else []), *term["columns"]]
        yield f"{term['name']} ({term['id']}): {', '.join(about)}"


def _documentation(found: Mapping[str, Any]) -> str:
    missing = found["missing"]
    rest = len(missing) - _MOST_MISSING
    more = f" and {rest} more" if rest > 0 else ""
    told = f"; missing: {', '.join(missing[:_MOST_MISSING])}{more}" if missing else ""
    return f"{found['score']:.0%} complete{told}"


def _service_levels(levels: Mapping[str, Any]) -> Iterable[str]:
    if levels["freshness"]:
        kept = "met" if levels["is_fresh"] else "NOT met"
        since = f", {console.age(levels['published_at'])}" if levels["published_at"] else ""
        yield f"freshness: within {levels['freshness']}: {kept}{since or ', never published'}"
    if levels["schedule"]:
        yield f"schedule: {levels['schedule']} (UTC)"
    if levels["retention"]:
        yield f"retention: {levels['retention']}"
    for level in levels["measured"]:
        state = "NOT met" if level["state"] == "missed" else level["state"]
        yield f"{level['property']}: {level['promised']}: {state}, {level['told']}"
    share = levels["tolerance"]
    yield f"at most {share:.2%} of rows rejected" if share else "refuses when any row breaks a rule"


def _retired(ended: Mapping[str, Any] | None) -> Iterable[str]:
    """That nothing is published any more, and how long its rows stay."""
    if ended is not None:
        end = RetirementRecord.from_json(ended)
        yield str(end)
        yield end.stay(datetime.now(UTC))
        if end.successor:
            yield f"use {end.successor}"


def _deprecated(account: Mapping[str, Any]) -> Iterable[str]:
    """The last day, and how far the consumers are; then inputs that have one."""
    if account["deprecated"]:
        instead = f": use {account['successor']}" if account["successor"] else ""
        yield f"its last day is {account['deprecated']}{instead}"
        for item in account["consumers"]:
            where = " (declared elsewhere, as the catalog knows)" if item["is_elsewhere"] else ""
            yield f"{item['consumer']}: {item['move']}{where}"
    for item in account["deprecated_inputs"]:
        instead = f": read {item['successor']}" if item["successor"] else ""
        yield f"it reads {item['product']}, whose last day is {item['deprecated']}{instead}"


def _receipt(receipt: Mapping[str, Any] | None) -> Iterable[str]:
    if receipt is None:
        yield "none: it is not published yet"
        return
    published_at = datetime.fromisoformat(receipt["published_at"])
    rows, rejected = receipt["rows_accepted"], receipt["rows_rejected"]
    deleted = f", {count:,} deleted" if (count := receipt["rows_deleted"]) else ""
    when = console.moment(published_at)
    yield f"version {receipt['table_version']}, {when}, run {receipt['run_id']}"
    size = console.size(receipt["bytes"])
    yield f"{console.count(rows, 'row')}, {rejected:,} rejected{deleted}, {size}"
    yield f"contract {receipt['contract_version']}, publication {receipt['publication_id']}"
    for tally in receipt["tallies"]:
        if tally["failed"]:
            broken = console.count(tally["failed"], "row")
            yield f"{broken} broke `{tally['text']}` ({tally['severity']})"
    for item in receipt["inputs"]:
        told = InputVersion.from_json(item)
        if told.how is not None:
            yield f"of {told.product} version {told.version}: {told.words}"
        if told.environment:
            yield f"{told.product} version {told.version} was read from {told.environment}"
    yield from receipt["notes"]


def _foreign(versions: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Versions that did not come through Mesh, and so through no contract."""
    for item in versions:
        when = console.moment(datetime.fromisoformat(item["committed_at"]))
        how = f"{item['operation']}, {when}"
        yield f"version {item['version']} was written by somebody else ({how})"


def _refusal(refusal: Mapping[str, Any] | None) -> Iterable[str]:
    if refusal is not None:
        newer = "" if refusal["is_latest"] else ", published since"
        yield f"{console.moment(refusal['refused_at'])}, run {refusal['run_id']}{newer}"
        yield from refusal["reasons"]


def _quarantine(tally: Mapping[str, Any] | None) -> Iterable[str]:
    if tally is None:
        yield "empty"
        return
    waiting = console.count(tally["waiting"], "row")
    since = tally["waiting_since"]
    told = f" since {console.moment(since)}" if since else ""
    yield f"{waiting} waiting{told}, {tally['rows']:,} in all"


def _neighbours(account: Mapping[str, Any], way: str) -> Iterable[str]:
    """The products one step away, with the exact versions of the latest run."""
    end, other = ("downstream", "upstream") if way == "up" else ("upstream", "downstream")
    found = account["lineage"][way]
    latest = {node["product"]: node["latest_version"] for node in found["nodes"]}
    for edge in found["edges"]:
        if edge[end] != account["product"]:
            continue
        versions = [
            up if way == "up" else down
            for down, up in edge["versions"]
            if (down if way == "up" else up) == latest[account["product"]]
        ]
        text = f" version {max(versions)}" if versions else ""
        yield f"{edge[other]}{text}{'  (a rule looks at it)' if edge['is_reference'] else ''}"


def _users(users: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Who reads the product, as was declared and as was counted."""
    for user in users:
        if not user["reads"]:
            yield f"{user['consumer']}: declared, and did not read it in 30 days"
            continue
        columns = ", ".join(user["columns"][:_MOST_COLUMNS])
        rest = len(user["columns"]) - _MOST_COLUMNS
        columns += f" and {rest} more" if rest > 0 else ""
        last = console.age(datetime.fromisoformat(user["last_read_at"]))
        reads = console.count(user["reads"], "read")
        yield f"{user['consumer']}: {reads} in 30 days, the last {last}: {columns}"


def _expects(inputs: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    """What the product expects of its inputs beyond their contracts."""
    for port, told in inputs.items():
        for item in expectations_of(port, Input(told["product"], expects=told["expects"])):
            yield f"of {item.product}: {item.text}{_mark(str(item.severity))}"


def _expected(expectations: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """What consumers expect of the product, which its producer may not know of otherwise."""
    for item in expectations:
        yield f"{item['consumer']} expects: {item['text']}{_mark(item['severity'])}"


def _mark(severity: str) -> str:
    return " (warning)" if severity == "warning" else ""


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
