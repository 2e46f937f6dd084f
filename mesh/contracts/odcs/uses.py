"""What Mesh does with each key of ODCS: enforces it, uses it, or only keeps it.

Owns the one list that `kept` and `docs/reference/odcs.md` are made from. Enforces nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

KeyUse = tuple["Use", str]


class Use(StrEnum):
    """What becomes of a key."""

    ENFORCED = "enforced"
    USED = "used"
    KEPT = "kept"


_ELSEWHERE = "says where data lies elsewhere: Mesh keeps products in its own lake"
_PEOPLE = "people are named in domain.yaml"
_OTHERS = "no words of the standard or of Mesh"
_WORDS = "documentation"
_SOURCE = "documentation of where values come from"

DOCUMENT: Mapping[str, KeyUse] = {
    "apiVersion": (Use.USED, "the version of the standard that the document is held against"),
    "kind": (Use.USED, "has to be `DataContract`"),
    "id": (Use.USED, "has to be there"),
    "version": (Use.USED, "the contract's version; its major is the product's"),
    "schema": (Use.USED, "each schema object is a contract; a product names one of them"),
    "description": (
        Use.USED,
        "its `purpose` describes a product that has no other description",
    ),
    "slaProperties": (Use.USED, "see service levels"),
    "slaDefaultElement": (Use.USED, "the element of service levels that name none"),
    "name": (Use.KEPT, _WORDS),
    "status": (Use.KEPT, "a product is deprecated in its declaration"),
    "domain": (Use.KEPT, "a product's domain is the folder that it is in"),
    "dataProduct": (Use.KEPT, "a product is named by its function"),
    "tenant": (Use.KEPT, "Mesh knows no tenants"),
    "servers": (Use.KEPT, _ELSEWHERE),
    "team": (Use.KEPT, _PEOPLE),
    "support": (Use.KEPT, "channels are named in domain.yaml"),
    "roles": (Use.KEPT, "roles of other systems"),
    "price": (Use.KEPT, "nothing is charged"),
    "tags": (Use.KEPT, _WORDS),
    "context": (Use.KEPT, "guidance for agents"),
    "authoritativeDefinitions": (Use.KEPT, "links"),
    "customProperties": (Use.KEPT, _OTHERS),
    "contractCreatedTs": (Use.KEPT, _WORDS),
}
"""Keys of a document."""
TABLE: Mapping[str, KeyUse] = {
    "name": (Use.USED, "the table that a product names"),
    "properties": (Use.ENFORCED, "the columns, in order; any other column refuses"),
    "quality": (Use.ENFORCED, "see quality rules"),
    "relationships": (Use.ENFORCED, "see relationships"),
    "description": (Use.USED, "describes the contract"),
    "physicalName": (Use.USED, "another name of the table, in SQL and in relationships"),
    "id": (Use.USED, "another name of the table, in relationships"),
    "logicalType": (Use.USED, "has to be `object`"),
    "customProperties": (Use.KEPT, _OTHERS),
    "physicalType": (Use.KEPT, "every product is a Delta table"),
    "businessName": (Use.KEPT, _WORDS),
    "dataGranularityDescription": (Use.KEPT, _WORDS),
    "tags": (Use.KEPT, _WORDS),
    "synonyms": (Use.KEPT, _WORDS),
    "deprecated": (Use.KEPT, "a product is deprecated in its declaration"),
    "context": (Use.KEPT, "guidance for agents"),
    "authoritativeDefinitions": (Use.KEPT, "links"),
}
"""Keys of a schema object."""
COLUMN: Mapping[str, KeyUse] = {
    "name": (Use.ENFORCED, "the column's name"),
    "logicalType": (Use.ENFORCED, "see types"),
    "logicalTypeOptions": (Use.ENFORCED, "see options"),
    "physicalType": (
        Use.ENFORCED,
        "where it says more of a number, a time or bytes than the logical type; not its lengths",
    ),
    "properties": (Use.ENFORCED, "the fields of a struct, in order, and which are `required`"),
    "items": (Use.ENFORCED, "the type of a list's items"),
    "map": (Use.ENFORCED, "a list of structs with `key` and `value`"),
    "required": (Use.ENFORCED, "no null"),
    "unique": (Use.ENFORCED, "no two rows with the same value"),
    "primaryKey": (Use.ENFORCED, "part of the key: no null, and unique together"),
    "primaryKeyPosition": (Use.ENFORCED, "the order of the key's columns, from 1"),
    "enum": (Use.ENFORCED, "the values that there may be"),
    "quality": (Use.ENFORCED, "see quality rules"),
    "relationships": (Use.ENFORCED, "see relationships"),
    "classification": (Use.ENFORCED, "see classification"),
    "partitioned": (Use.ENFORCED, "`partition_by`, where the declaration names none"),
    "partitionKeyPosition": (Use.ENFORCED, "the order of `partition_by`, from 1"),
    "description": (Use.USED, "describes the column"),
    "physicalName": (Use.USED, "another name of the column, in relationships and service levels"),
    "id": (Use.USED, "another name in relationships; a rename is known by it"),
    "customProperties": (Use.KEPT, _OTHERS),
    "businessName": (Use.KEPT, _WORDS),
    "encryptedName": (Use.KEPT, "Mesh makes no encrypted copies of columns"),
    "transformSourceObjects": (Use.KEPT, _SOURCE),
    "transformLogic": (Use.KEPT, _SOURCE),
    "transformDescription": (Use.KEPT, _SOURCE),
    "examples": (Use.KEPT, _WORDS),
    "criticalDataElement": (Use.KEPT, _WORDS),
    "semanticType": (Use.KEPT, _WORDS),
    "synonyms": (Use.KEPT, _WORDS),
    "tags": (Use.KEPT, _WORDS),
    "deprecated": (Use.KEPT, "no column is deprecated by itself"),
    "authoritativeDefinitions": (Use.KEPT, "links"),
}
"""Keys of a property."""
QUALITY: Mapping[str, KeyUse] = {
    "type": (Use.USED, "`library` and `sql` are enforced, `text` and `custom` kept"),
    "metric": (Use.ENFORCED, "all five, at a property and at a schema object"),
    "rule": (Use.ENFORCED, "3.0's names of metrics"),
    "arguments": (Use.ENFORCED, "`missingValues`, `validValues`, `pattern`, `properties`"),
    "validValues": (Use.ENFORCED, "as 3.0 writes the argument"),
    "unit": (Use.ENFORCED, "`rows` or `percent`"),
    "query": (Use.ENFORCED, "one SELECT over the product's own rows, in a sandbox"),
    **dict.fromkeys(
        (
            "mustBe",
            "mustNotBe",
            "mustBeGreaterThan",
            "mustBeGreaterOrEqualTo",
            "mustBeLessThan",
            "mustBeLessOrEqualTo",
            "mustBeBetween",
            "mustNotBeBetween",
        ),
        (Use.ENFORCED, "what the measured number is compared with"),
    ),
    "severity": (Use.ENFORCED, "`warning`, `info`, `low` and the like warn; any other refuses"),
    "dimension": (Use.USED, "shown with the rule"),
    "description": (Use.USED, "the rule in words"),
    "name": (Use.USED, "the name of a SQL rule"),
    "engine": (Use.USED, "`mesh` is enforced, any other kept"),
    "implementation": (Use.USED, "of the engine `mesh`: a rule in plain values"),
    "id": (Use.KEPT, _WORDS),
    "schedule": (Use.KEPT, "every publication is checked, whatever the schedule"),
    "scheduler": (Use.KEPT, "every publication is checked, whatever the schedule"),
    "businessImpact": (Use.KEPT, _WORDS),
    "method": (Use.KEPT, _WORDS),
    "tags": (Use.KEPT, _WORDS),
    "customProperties": (Use.KEPT, _OTHERS),
    "authoritativeDefinitions": (Use.KEPT, "links"),
}
"""Keys of a quality rule."""
RELATIONSHIP: Mapping[str, KeyUse] = {
    "from": (Use.ENFORCED, "columns of the table; at a property it is the property"),
    "to": (Use.ENFORCED, "columns of a product, or of a table that is one"),
    "type": (Use.USED, "has to be `foreignKey`"),
    "id": (Use.KEPT, _WORDS),
    "customProperties": (Use.KEPT, _OTHERS),
}
"""Keys of a relationship."""
OPTIONS: Mapping[str, KeyUse] = {
    "minimum, maximum": (Use.ENFORCED, "bounds of numbers, dates, timestamps and times"),
    "exclusiveMinimum, exclusiveMaximum": (
        Use.ENFORCED,
        "bounds; in 3.0 true or false about the other bound",
    ),
    "multipleOf": (Use.ENFORCED, "whole multiples only"),
    "minLength, maxLength": (Use.ENFORCED, "lengths of texts, in characters"),
    "pattern": (
        Use.ENFORCED,
        "found anywhere in the text, as ECMA-262 has it; look-around and back-references are kept",
    ),
    "format of a string or time": (
        Use.ENFORCED,
        (
            "`email`, `uuid`, `uri`, `hostname`, `ipv4`, `ipv6`, `byte`, `date`, `time`, "
            "`date-time`, `duration`, or a date such as `yyyy-MM-dd`; any other is kept"
        ),
    ),
    "format of a number": (Use.ENFORCED, "the type, see below; of unsigned numbers the bounds too"),
    "format of a date or timestamp": (Use.KEPT, "it is stored as such, and has no format"),
    "timezone": (Use.ENFORCED, "`false` is local time; else timestamps are in UTC"),
    "defaultTimezone": (Use.USED, "of bounds that name no zone; UTC where it is not there"),
    "minItems, maxItems": (Use.ENFORCED, "how many items a list has"),
    "uniqueItems": (Use.ENFORCED, "no item twice"),
    "required": (Use.ENFORCED, "fields that an object has"),
    "minProperties, maxProperties": (Use.ENFORCED, "how many fields of an object have a value"),
    "dimensions": (Use.ENFORCED, "how many numbers a vector has"),
    "elementType": (Use.ENFORCED, "the type of a vector's numbers"),
    "distanceMetric, embeddingModel, embeddingModelVersion, normalized": (Use.KEPT, _WORDS),
}
"""Options of logical types."""
LEVELS: Mapping[str, KeyUse] = {
    "latency": (Use.USED, "`freshness`, where the declaration has none"),
    "freshness": (Use.USED, "`freshness`, where the declaration has none"),
    "retention": (
        Use.USED,
        "`retention`, where the declaration has none: of rows by `element`, else of versions",
    ),
}
"""Service levels that become a product's, by their `property`; the others are kept."""
KEYS: Mapping[str, Mapping[str, KeyUse]] = {
    "document": DOCUMENT,
    "schema object": TABLE,
    "property": COLUMN,
    "quality rule": QUALITY,
    "relationship": RELATIONSHIP,
}
"""Keys by what has them."""
