"""The raw limit: plain parallel Parquet encoding, without a check and without Delta.

Owns what any writer of the same data has to do at least on this machine: batches encoded by two
threads into a file each, at the settings that were found best for this data by hand.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

THREADS = 2
BATCH_ROWS = 65_536
FEW_VALUES = [
    "l_linenumber", "l_quantity", "l_discount", "l_tax", "l_returnflag", "l_linestatus",
    "l_shipdate", "l_commitdate", "l_receiptdate", "l_shipinstruct", "l_shipmode",
]  # fmt: skip
INTEGERS = ["l_orderkey", "l_partkey", "l_suppkey"]


def encode(data: Any, folder: Path) -> None:
    """Write an Arrow producer's rows into a file a thread. Nothing else."""
    folder.mkdir()
    waiting: queue.Queue[pa.RecordBatch | None] = queue.Queue(maxsize=1)
    threads = [
        threading.Thread(target=_write, args=(waiting, folder / f"{number}.parquet"))
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for batch in _pieces(data):
        waiting.put(batch)
    waiting.put(None)
    for thread in threads:
        thread.join()


def rows_of(folder: Path) -> int:
    """How many rows the files in a folder have."""
    return sum(pq.ParquetFile(file).metadata.num_rows for file in folder.glob("*.parquet"))


def _pieces(data: Any) -> Iterable[pa.RecordBatch]:
    reader = pa.RecordBatchReader.from_stream(data)
    for batch in reader:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)


def _write(waiting: queue.Queue[pa.RecordBatch | None], file: Path) -> None:
    writer = None
    while (batch := waiting.get()) is not None:
        if writer is None:
            writer = pq.ParquetWriter(
                file,
                batch.schema,
                compression="snappy",
                use_dictionary=FEW_VALUES,
                column_encoding=dict.fromkeys(INTEGERS, "DELTA_BINARY_PACKED"),
                store_decimal_as_integer=True,
            )
        writer.write_batch(batch)
    waiting.put(None)
    if writer is not None:
        writer.close()
