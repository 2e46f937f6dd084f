"""What the stock client reads: run by the Python of its own environment.

Reads a JSON list of `[function, arguments]` from standard input. Writes a JSON list of what each
gave: rows as lists of texts in their order, columns, types; or the error.
"""

import io
import json
import sys
from contextlib import redirect_stdout

import delta_sharing
import pandas as pd
from delta_sharing.rest_client import DataSharingRestClient


def told(frame: pd.DataFrame) -> dict:
    """A frame as plain values; nulls of every kind are none."""
    rows = frame.astype(object).where(frame.notna(), None).values.tolist()
    return {
        "columns": list(frame.columns),
        "types": [str(kind) for kind in frame.dtypes],
        "rows": [[None if cell is None else str(cell) for cell in row] for row in rows],
    }


def tables(profile: str) -> dict:
    """Everything that can be listed."""
    found = delta_sharing.SharingClient(profile).list_all_tables()
    return {"tables": [f"{table.share}.{table.schema}.{table.name}" for table in found]}


def lists(profile: str) -> dict:
    """The same, list by list."""
    client = delta_sharing.SharingClient(profile)
    shares = client.list_shares()
    schemas = [schema for share in shares for schema in client.list_schemas(share)]
    found = [table.name for schema in schemas for table in client.list_tables(schema)]
    return {
        "shares": [share.name for share in shares],
        "schemas": [schema.name for schema in schemas],
        "tables": found,
    }


def rows(url: str, **options) -> dict:
    """`load_as_pandas`."""
    return told(delta_sharing.load_as_pandas(url, **options))


def changes(url: str, **options) -> dict:
    """`load_table_changes_as_pandas`."""
    return told(delta_sharing.load_table_changes_as_pandas(url, **options))


def version(url: str, **options) -> dict:
    """`get_table_version`."""
    return {"version": delta_sharing.get_table_version(url, **options)}


def metadata(url: str) -> dict:
    """`get_table_metadata` and `get_table_protocol`."""
    found = delta_sharing.get_table_metadata(url)
    columns = [field["name"] for field in json.loads(found.schema_string)["fields"]]
    protocol = delta_sharing.get_table_protocol(url)
    return {"columns": columns, "reader": protocol.min_reader_version}


def asked(function: str, arguments: dict) -> dict:
    """What a function gave, or the error that it ended with."""
    try:
        with redirect_stdout(io.StringIO()):
            return globals()[function](**arguments)
    except Exception as error:  # noqa: BLE001 -- what users of the client would see
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    DataSharingRestClient.__init__.__defaults__ = (1,)  # one retry: what fails, fails soon
    json.dump([asked(name, given) for name, given in json.load(sys.stdin)], sys.stdout)
