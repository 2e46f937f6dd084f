"""ODCS documents that tests share: of one table in a line, and one that has everything in it."""

from typing import Any

import pytest

from mesh.contracts.model import Contract
from mesh.contracts.odcs.model import OdcsContract
from mesh.contracts.odcs.reading import read
from mesh.errors import ContractDefinitionError


def document(*properties: dict[str, Any], version: str = "v3.2.0", **rest: Any) -> dict[str, Any]:
    """A document with one table, `orders`; `rest` are keys of the table."""
    return {
        "apiVersion": version,
        "kind": "DataContract",
        "id": "orders-contract",
        "version": "1.0.0",
        "status": "active",
        "schema": [{"name": "orders", "properties": list(properties), **rest}],
    }


def one(logical: str = "string", *, version: str = "v3.2.0", **keys: Any) -> OdcsContract:
    """What reading a table with one property, `value`, gives."""
    return read(document({"name": "value", "logicalType": logical, **keys}, version=version))


def rules_of(contract: Contract) -> list[str]:
    """A contract's rules in words, each with its severity where that is a warning."""
    return [f"{rule.text}{'' if rule.is_blocking else ' (warning)'}" for rule in contract.rules]


def kept_of(found: OdcsContract) -> dict[str, str]:
    """What is kept below the schema, by path below the table's properties."""
    return {
        item.path.removeprefix("schema.0.properties."): item.what
        for item in found.kept
        if item.path.startswith("schema.")
    }


def problems_of(found: dict[str, Any], table: str = "") -> list[str]:
    """What is wrong with a document, each problem with its path."""
    with pytest.raises(ContractDefinitionError) as caught:
        read(found, table=table)
    return [f"{problem.where}: {problem.what}" for problem in caught.value.problems]


def rich() -> dict[str, Any]:
    """A document of 3.2.0 with a value for nearly every key of the standard."""
    links = [{"url": "https://example.com", "type": "glossary", "id": "l-1", "description": "d"}]
    custom = [{"property": "p", "value": [1], "id": "c1", "description": "d", "vendor": "atlan"}]
    told = {"authoritativeDefinitions": links, "customProperties": custom, "tags": ["t"]}
    context: Any = {
        "instructions": "i",
        "verifiedStatements": [{"id": "s", "question": "q", "answer": "a", **told}],
        "constraints": [{"id": "s", "constraint": "c", **told}],
    }
    element = {"businessName": "b", "description": "d", "deprecated": False, **told}
    synonyms = [{"id": "s", "synonym": "x", "locale": "en", "source": "g", "status": "active"}]
    columns = [
        {
            "name": "order_id",
            "id": "order_id_prop",
            "logicalType": "integer",
            "primaryKey": True,
            "primaryKeyPosition": 1,
            "logicalTypeOptions": {"minimum": 1, "exclusiveMaximum": 9, "multipleOf": 1},
            "synonyms": synonyms,
            "semanticType": "column",
            "examples": [1, "x", None],
            "transformSourceObjects": ["a"],
            "criticalDataElement": True,
            **element,
        },
        {
            "name": "country",
            "logicalType": "string",
            "required": True,
            "partitioned": True,
            "partitionKeyPosition": 1,
            "logicalTypeOptions": {"minLength": 2, "maxLength": 2, "pattern": "^[A-Z]+$"},
            "enum": [{"value": "DE", "label": "Germany", "id": "de", **told}, {"value": "NL"}],
            "relationships": [
                {"id": "r1", "to": "countries.code", "customProperties": custom},
                {"type": "foreignKey", "to": "network.countries_v1.code"},
            ],
            "quality": [
                {
                    "id": "q1",
                    "type": "library",
                    "metric": "invalidValues",
                    "arguments": {"validValues": ["DE", "NL"]},
                    "mustBeLessOrEqualTo": 5,
                    "unit": "percent",
                    "dimension": "conformity",
                    "severity": "warning",
                    "name": "n",
                    "businessImpact": "b",
                    "schedule": "0 0 * * *",
                    "scheduler": "cron",
                    "method": "m",
                    "description": "d",
                    **told,
                },
                {"metric": "nullValues", "mustBe": 0},
            ],
            "classification": "restricted",
        },
        {"name": "day", "logicalType": "date", "logicalTypeOptions": {"minimum": "2020-01-01"}},
        {
            "name": "at",
            "logicalType": "timestamp",
            "logicalTypeOptions": {
                "maximum": "2030-01-01T00:00:00",
                "timezone": True,
                "defaultTimezone": "Europe/Berlin",
            },
        },
        {"name": "hour", "logicalType": "time", "logicalTypeOptions": {"format": "HH:mm"}},
        {"name": "amount", "logicalType": "number", "physicalType": "decimal(12,2)"},
        {"name": "is_paid", "logicalType": "boolean", "unique": False},
        {
            "name": "address",
            "logicalType": "object",
            "logicalTypeOptions": {"required": ["city"], "minProperties": 1, "maxProperties": 2},
            "properties": [
                {"name": "city", "logicalType": "string"},
                {"name": "lines", "logicalType": "array", "items": {"logicalType": "string"}},
            ],
        },
        {
            "name": "items",
            "logicalType": "array",
            "logicalTypeOptions": {"minItems": 1, "maxItems": 9, "uniqueItems": True},
            "items": {
                "logicalType": "object",
                "properties": [{"name": "sku", "logicalType": "string", "required": True}],
            },
        },
        {
            "name": "labels",
            "logicalType": "map",
            "map": {"key": {"logicalType": "string"}, "value": {"logicalType": "number"}},
        },
        {
            "name": "embedding",
            "logicalType": "vector",
            "logicalTypeOptions": {
                "dimensions": 3,
                "elementType": "float32",
                "distanceMetric": "cosine",
                "normalized": True,
            },
        },
    ]
    orders = {
        "name": "orders",
        "id": "orders_obj",
        "physicalName": "shop_orders",
        "logicalType": "object",
        "dataGranularityDescription": "d",
        "context": "short",
        "synonyms": synonyms,
        "properties": columns,
        "relationships": [
            {"from": ["orders.country", "orders.day"], "to": ["countries.code", "countries.day"]}
        ],
        "quality": [
            {"type": "sql", "query": "select count(*) from ${table}", "mustBeBetween": [1, 9]},
            {"metric": "rowCount", "mustNotBeBetween": [5, 6]},
            {"metric": "duplicateValues", "arguments": {"properties": ["day"]}, "mustNotBe": 7},
            {"type": "text", "description": "Booked within an hour."},
            {"type": "custom", "engine": "soda", "implementation": {"checks": []}},
            {"type": "custom", "engine": "dbt", "implementation": "tests: []"},
        ],
        **element,
    }
    countries = {
        "name": "countries",
        "properties": [
            {"name": "code", "logicalType": "string", "primaryKey": True},
            {"name": "day", "logicalType": "date"},
        ],
    }
    person = {"username": "ada", "dateIn": "2020-01-01", "role": "Owner", "id": "a", **told}
    role = {"role": "reader", "access": "read", "firstLevelApprovers": "x", "id": "r"}
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": "everything",
        "version": "2.1.0",
        "status": "active",
        "name": "Everything",
        "domain": "shop",
        "tenant": "t",
        "dataProduct": "orders",
        "context": context,
        "description": {"purpose": "p", "usage": "u", "limitations": "l", "x": 1},
        "servers": [
            {"server": "s", "type": "postgres", "host": "h", "port": "${PORT}", "database": "d",
             "schema": "s", "roles": [role], "environment": "prod"},
            {"server": "f", "type": "sftp", "location": "sftp://x", "encoding": "utf-8"},
            {"server": "c", "type": "custom", "stream": "s", "port": 1},
        ],
        "schema": [orders, countries],
        "support": [{"channel": "c", "url": "u", "tool": "slack", "scope": "issues"}],
        "price": {"priceAmount": 1.5, "priceCurrency": "EUR", "priceUnit": "MB", "id": "p"},
        "team": {"name": "t", "members": [person], "id": "t", **told},
        "roles": [role],
        "slaDefaultElement": "orders.at",
        "slaProperties": [
            {"property": "latency", "value": 4, "unit": "h", "driver": "analytics"},
            {"property": "retention", "value": 3, "unit": "y", "element": "orders.at"},
            {"property": "frequency", "value": 1, "valueExt": None, "unit": "d", "schedule": "x"},
        ],
        "contractCreatedTs": "2022-11-15T02:59:43+00:00",
        **told,
    }  # fmt: skip
