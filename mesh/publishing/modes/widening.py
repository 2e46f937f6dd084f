"""Rows that stay, written again in the wider types that a later minor version promises.

Owns the only way in which a stored column's type changes: every file that stays is rewritten, in
the commit that changes the type. Delta has a feature by which files may keep the narrow type, which
delta-rs 1.6 cannot write; without it, a reader may take the bytes of one type for those of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mesh.lake import DataFile
from mesh.publishing.modes.files import TableFiles
from mesh.publishing.modes.planning import Planned
from mesh.publishing.modes.rewriting import Rewriting
from mesh.publishing.modes.search import Hits
from mesh.publishing.stage import Stage
from mesh.settings import PublishingSettings


def widened(
    planned: Planned,
    shown: Iterable[DataFile],
    columns: Sequence[str],
    onto: Stage,
    settings: PublishingSettings,
) -> Planned:
    """The plan, with every file that stays written anew, onto `onto`, when `columns` widen."""
    if not set(columns) - set(onto.partition_by):
        return planned
    gone = {file.path for file in planned.removes}
    stays = tuple(file for file in shown if file.path not in gone)
    before = {file.path for file in onto.files}
    rewrite(stays, onto, settings)
    fresh = tuple(file for file in onto.files if file.path not in before)
    stages = planned.stages if onto in planned.stages else (*planned.stages, onto)
    return replace(
        planned,
        adds=(*planned.adds, *fresh),
        removes=(*planned.removes, *stays),
        stages=stages,
    )


def rewrite(stays: Sequence[DataFile], onto: Stage, settings: PublishingSettings) -> None:
    """Write every row of some files onto a stage, in the stage's types."""
    files = TableFiles(onto.table, onto.schema, onto.partition_by)
    hits = []
    for file in stays:
        with files.open(file) as opened:
            hits.append(Hits(file, opened.parquet.metadata.num_rows))
    Rewriting(files, onto, settings.workers, settings.batch_rows).run(hits, "wider")
