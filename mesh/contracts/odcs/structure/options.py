"""The structure of a property's `logicalTypeOptions`: which options each logical type has.

Owns the types of options by version. What they promise is `contracts.odcs.options`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.contracts.odcs.structure.blocks import Blocks
from mesh.contracts.odcs.structure.servers import V3_0, V3_1, V3_2
from mesh.contracts.odcs.structure.walking import Check, shown
from mesh.contracts.yaml_files import Path_

_WHOLE_FORMATS = ("i8", "i16", "i32", "i64", "i128", "u8", "u16", "u32", "u64", "u128")
_ELEMENTS = ("bfloat16", "binary", "float16", "float32", "float64", "int8", "uint8")
_DISTANCES = ("cosine", "dotProduct", "euclidean", "hamming", "manhattan")


class Options(Blocks):
    """The options of properties."""

    def options(self, kind: Any, *, is_untyped: bool) -> Check:
        """What options a logical type has; without any, the standard allows none at all."""
        by_kind: dict[str, dict[str, Check]] = {
            "string": {
                **dict.fromkeys(("minLength", "maxLength"), self.count),
                **dict.fromkeys(("pattern", "format"), self.text),
            },
            "date": {"format": self.text, **self._bounds(self.text)},
            "integer": self._numeric(_WHOLE_FORMATS),
            "number": self._numeric(("f32", "f64")),
            "object": {
                **dict.fromkeys(("minProperties", "maxProperties"), self.count),
                "required": lambda v, p: self.listing(v, p, self.text, least=1, is_unique=True),
            },
            "array": {
                **dict.fromkeys(("minItems", "maxItems"), self.count),
                "uniqueItems": self.flag,
            },
        }
        moment = {"format": self.text, **self._bounds(self.text)}
        moment |= {"timezone": self.flag, "defaultTimezone": self.text}
        if self.version >= V3_1:
            by_kind |= {"timestamp": moment, "time": moment}
        if self.version >= V3_2:
            by_kind["vector"] = self._vector()
        if is_untyped:
            return self._untyped_options
        keys = by_kind.get(kind) if isinstance(kind, str) else None
        required = ("dimensions",) if kind == "vector" and keys else ()
        is_open = keys is None
        return lambda value, path: self.mapping(
            value, path, keys or {}, required=required, is_open=is_open
        )

    def _untyped_options(self, value: Any, path: Path_) -> None:
        self.mapping(value, path, {}, is_open=True)
        if isinstance(value, Mapping) and (value or self.version >= V3_2):
            hint = "add logicalType to the property"
            self.say(path, "without a logicalType there are no options", hint, is_vital=False)

    def _bounds(self, check: Check) -> dict[str, Check]:
        exclusive = self.flag if self.version == V3_0 else check
        return {
            **dict.fromkeys(("minimum", "maximum"), check),
            **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), exclusive),
        }

    def _numeric(self, formats: tuple[str, ...]) -> dict[str, Check]:
        keys = {"format": self.one_of(formats), "multipleOf": self._above_zero}
        return {**keys, **self._bounds(self.number)}

    def _above_zero(self, value: Any, path: Path_) -> None:
        self.number(value, path)
        if path not in self.found and value <= 0:
            self.say(path, f"{shown(value)} is not above 0")

    def _vector(self) -> dict[str, Check]:
        return {
            "dimensions": self._dimensions,
            "elementType": self.one_of(_ELEMENTS),
            "distanceMetric": self.one_of(_DISTANCES),
            "embeddingModel": self.text,
            "embeddingModelVersion": self.text,
            "normalized": self.flag,
        }

    def _dimensions(self, value: Any, path: Path_) -> None:
        self.whole(value, path)
        if path not in self.found and value < 1:
            self.say(path, f"{shown(value)} is not above 0")
