"""Single rows, decided by Cedar itself.

Owns how values of a row are told to Cedar. Slow, and the judge of everything that is faster: policy
tests and the comparison with compiled filters ask it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import cedarpy

from mesh.access.entities import (
    context,
    moment,
    port_entities,
    principal_entity,
    principal_uid,
    uid,
)
from mesh.access.evaluating import policy_set
from mesh.access.model import Ask
from mesh.access.policies import Policies
from mesh.access.schema import cedar_columns


def rows_seen(policies: Policies, ask: Ask, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Whether each row of the port is seen. A value that is None is not there."""
    types = cedar_columns(ask.port.contract)
    own = uid("Port", ask.port.name)
    entities = [*port_entities(ask.port), principal_entity(ask.principal)]
    for number, row in enumerate(rows):
        known = {name: _value(row[name]) for name in types if row.get(name) is not None}
        entities.append({"uid": uid("Row", str(number)), "attrs": known, "parents": [own]})
    told = json.dumps(context(ask))
    requests = [
        {
            "principal": principal_uid(ask.principal),
            "action": uid("Action", "see_row"),
            "resource": uid("Row", str(number)),
            "context": told,
        }
        for number in range(len(rows))
    ]
    asked = policy_set(policies.of_action("see_row"))
    found = cedarpy.is_authorized_batch(requests, asked, json.dumps(entities))
    return [result.allowed and not result.diagnostics.errors for result in found]


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return moment(datetime(value.year, value.month, value.day, tzinfo=UTC))
    return value
