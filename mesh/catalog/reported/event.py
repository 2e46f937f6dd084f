"""One OpenLineage event, read from plain values.

Owns what an event must have to be taken, of any version of the specification from 1-0 on, and every
problem at once where it has not. Unknown keys and facets are kept as they are. Source: OpenLineage
2-0-2, `OpenLineage.json`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from mesh.errors import Problem
from mesh.naming import DatasetName

MOST_BYTES = 8 * 1024 * 1024
"""Bytes that one event may have as JSON: 10,000 columns with their lineage have three million."""
_MOST_NAME_BYTES = 2_000
"""Of namespace and name together: PostgreSQL's indexes take 2,700."""
_STATES = ("START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER")

Kind = Literal["run", "job", "dataset"]
Facets = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReportedDataset:
    """A dataset in an event. `own` are facets of this use of it: `inputFacets`, `outputFacets`."""

    name: DatasetName
    facets: Facets = field(default_factory=dict)
    own: Facets = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedEvent:
    """An event. `id` is a digest of its content; `time` is UTC, and never in the future."""

    id: str
    time: datetime
    kind: Kind
    producer: str
    content: Mapping[str, Any] = field(repr=False)
    job: DatasetName | None = None
    job_facets: Facets = field(default_factory=dict)
    run_id: str = ""
    run_facets: Facets = field(default_factory=dict)
    state: str = ""
    inputs: tuple[ReportedDataset, ...] = ()
    outputs: tuple[ReportedDataset, ...] = ()
    dataset: ReportedDataset | None = None

    @property
    def datasets(self) -> tuple[ReportedDataset, ...]:
        """Every dataset that it speaks of."""
        alone = () if self.dataset is None else (self.dataset,)
        return (*self.inputs, *self.outputs, *alone)


def read_event(content: object, now: datetime) -> ReportedEvent | tuple[Problem, ...]:
    """The event that plain values are; or everything that keeps them from being one.

    A time in the future counts as `now`: it would win against everything that is true later.
    """
    if not isinstance(content, Mapping):
        return (Problem("an event is a JSON object", hint=_SEE),)
    try:
        text = json.dumps(content, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        return (Problem(f"it cannot be kept as JSON: {error}"),)
    if len(text) > MOST_BYTES:
        told = f"it has {len(text):,} bytes, and {MOST_BYTES:,} is the most that is taken"
        return (
            Problem(told, hint="leave out what nobody reads, such as properties of the engine"),
        )
    reading = _Reading(content)
    found = reading.event(hashlib.sha256(text.encode()).hexdigest(), now)
    return found if found is not None and not reading.problems else tuple(reading.problems)


_SEE = "see https://openlineage.io/spec/2-0-2/OpenLineage.json"


class _Reading:
    """One look at plain values. Paths are as in the event: `inputs[0].name`."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self.problems: list[Problem] = []

    def event(self, identity: str, now: datetime) -> ReportedEvent | None:
        content = self.content
        time = self._time("eventTime", now)
        kind: Kind = "run" if "run" in content else "job" if "job" in content else "dataset"
        if kind == "dataset" and "dataset" not in content:
            self._problem("", "it has neither `run` and `job`, nor `job`, nor `dataset`")
        inputs, outputs = self._datasets("inputs"), self._datasets("outputs")
        dataset = (
            self._dataset("dataset", content["dataset"])
            if kind == "dataset" and "dataset" in content
            else None
        )
        job = self._named("job", content.get("job")) if kind != "dataset" else None
        run = self._mapping("run", content.get("run")) if kind == "run" else {}
        run_id = self._text("run.runId", run.get("runId")) if kind == "run" else ""
        return ReportedEvent(
            id=identity,
            time=time or now,
            kind=kind,
            producer=str(content.get("producer", ""))[:_MOST_NAME_BYTES],
            content=content,
            job=job,
            job_facets=self._facets("job.facets", content.get("job")),
            run_id=run_id,
            run_facets=self._facets("run.facets", run),
            state=self._state() if kind == "run" else "",
            inputs=inputs,
            outputs=outputs,
            dataset=dataset,
        )

    def _state(self) -> str:
        said = self.content.get("eventType", "OTHER")
        state = str(said).upper()
        if state not in _STATES:
            self._problem("eventType", f"{said!r} is none of {', '.join(_STATES)}")
        return state

    def _datasets(self, path: str) -> tuple[ReportedDataset, ...]:
        found = self.content.get(path)
        if found is None:
            return ()
        if not isinstance(found, Sequence) or isinstance(found, str):
            self._problem(path, "it is not a list")
            return ()
        read = (self._dataset(f"{path}[{number}]", item) for number, item in enumerate(found))
        return tuple(item for item in read if item is not None)

    def _dataset(self, path: str, value: object) -> ReportedDataset | None:
        name = self._named(path, value)
        if name is None or not isinstance(value, Mapping):
            return None
        own = [k for k in ("inputFacets", "outputFacets") if isinstance(value.get(k), Mapping)]
        return ReportedDataset(
            name.normal(),
            self._facets(f"{path}.facets", value),
            {key: facet for k in own for key, facet in value[k].items()},
        )

    def _named(self, path: str, value: object) -> DatasetName | None:
        found = self._mapping(path, value)
        if not found and not isinstance(value, Mapping):
            return None
        namespace = self._text(f"{path}.namespace", found.get("namespace"))
        name = self._text(f"{path}.name", found.get("name"))
        if len(f"{namespace}{name}".encode(errors="replace")) > _MOST_NAME_BYTES:
            most = f"namespace and name together may have {_MOST_NAME_BYTES:,} bytes"
            self._problem(f"{path}.name", f"it is too long: {most}")
            return None
        return DatasetName(namespace, name)

    def _text(self, path: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            self._problem(path, "it is missing" if value is None else "it is not a text, or empty")
            return ""
        if not value.isprintable():
            self._problem(path, "it has characters that cannot be shown, such as controls")
            return ""
        return value

    def _mapping(self, path: str, value: object) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        self._problem(path, "it is missing" if value is None else "it is not an object")
        return {}

    def _facets(self, path: str, owner: object) -> Facets:
        found = owner.get("facets") if isinstance(owner, Mapping) else None
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            self._problem(path, "it is not an object")
            return {}
        return found

    def _time(self, path: str, now: datetime) -> datetime | None:
        value = self.content.get(path)
        try:
            found = datetime.fromisoformat(value) if isinstance(value, str) else None
            if found is not None:
                # Without a zone it is taken for UTC, as the oldest clients meant it.
                zoned = found if found.tzinfo else found.replace(tzinfo=UTC)
                return min(zoned.astimezone(UTC), now)
        except (ValueError, OverflowError):
            pass
        said = "it is missing" if value is None else f"{str(value)[:60]!r} is not a time"
        self._problem(path, said, "write it as 2026-01-31T12:00:00Z")
        return None

    def _problem(self, path: str, what: str, hint: str = _SEE) -> None:
        self.problems.append(Problem(what, path, hint))
