"""Products as OpenLineage datasets: a table by its place, with its contract's columns.

Owns their names and facets. Of values in the data it tells only those that are for everyone:
nothing of confidential and personal columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from mesh.catalog.emissions import ColumnEdge, Evidence
from mesh.catalog.receipts import InputVersion, Receipt
from mesh.lake import Lake
from mesh.naming import DatasetName, ProductId
from mesh.orchestration.openlineage.facets import facet
from mesh.orchestration.openlineage.jobs import Facets, named_values, owners, tags
from mesh.products.declaration import DataProduct
from mesh.products.domain import DomainManifest

Dataset = dict[str, Any]
_WHOLE = "overwrite"


def output_of(
    product: DataProduct, manifest: DomainManifest | None, lake: Lake, namespace: str
) -> Dataset:
    """The table that a product's runs write, as its contract has it."""
    url = lake.table(product.id).url
    text = product.description or product.contract.description
    made = dataset(product.id, url, namespace)
    made["facets"] |= named_values(
        {
            "schema": facet(
                "SchemaDatasetFacet",
                fields=[
                    named_values(
                        {
                            "name": column.name,
                            "type": column.type,
                            "description": column.description or None,
                            "ordinal_position": position,
                        }
                    )
                    for position, column in enumerate(product.contract.columns, 1)
                ],
            ),
            "documentation": facet("DocumentationDatasetFacet", description=text) if text else None,
            "ownership": facet("OwnershipDatasetFacet", owners=owners(manifest))
            if manifest
            else None,
            "tags": facet("TagsDatasetFacet", tags=[*tags(product), *_classified(product)]),
            "storage": facet("StorageDatasetFacet", storageLayer="delta", fileFormat="parquet"),
        }
    )
    return made


def dataset(product: ProductId, url: str, namespace: str) -> Dataset:
    """A product's table by its place, with the product's name as another of its names."""
    place = DatasetName.of_url(url)
    other = {"namespace": namespace, "name": str(product), "type": "TABLE"}
    return {
        "namespace": place.namespace,
        "name": place.name,
        "facets": {
            "symlinks": facet("SymlinksDatasetFacet", identifiers=[other]),
            "dataSource": facet("DatasourceDatasetFacet", name=place.namespace, uri=_uri(url)),
        },
    }


def declared_inputs(product: DataProduct, lake: Lake, namespace: str) -> list[Dataset]:
    """What a product's runs read, before it is known in which version."""
    found: dict[ProductId, Sequence[str] | None]
    found = {port.id: port.columns for port in product.inputs.values()}
    found |= dict.fromkeys(product.referenced)
    return [_input(name, columns, lake, namespace) for name, columns in found.items()]


def read_inputs(
    inputs: Iterable[InputVersion],
    lakes: Mapping[str, Lake],
    namespace: str,
    read: Mapping[tuple[str, int], Receipt],
) -> list[Dataset]:
    """What a run read, in exactly which version. `lakes` are those of environments, by name."""
    found = []
    for item in inputs:
        lake = lakes.get(item.environment, lakes[""])
        made = _input(ProductId.parse(item.product), item.columns, lake, namespace)
        made["facets"]["version"] = facet(
            "DatasetVersionDatasetFacet", datasetVersion=str(item.version)
        )
        receipt = read.get((item.product, item.version))
        if receipt is not None and item.how is None and receipt.write_mode == _WHOLE:
            counted = {"rowCount": receipt.rows_accepted, "fileCount": receipt.files}
            made["inputFacets"] = {
                "inputStatistics": facet("InputStatisticsInputDatasetFacet", **counted)
            }
        found.append(made)
    return found


def published(receipt: Receipt, evidence: Evidence, lake: Lake, guarded: frozenset[str]) -> Facets:
    """What a publication adds to its dataset's facets."""
    change = "CREATE" if receipt.table_version == 0 else "OVERWRITE"
    is_changed = receipt.table_version == 0 or receipt.write_mode == _WHOLE
    edges = evidence.edges
    return named_values(
        {
            "version": facet(
                "DatasetVersionDatasetFacet", datasetVersion=str(receipt.table_version)
            ),
            "lifecycleStateChange": facet(
                "LifecycleStateChangeDatasetFacet", lifecycleStateChange=change
            )
            if is_changed
            else None,
            "dataQualityMetrics": _metrics(receipt, evidence.profile, guarded),
            "columnLineage": _column_lineage(edges, lake) if edges else None,
        }
    )


def written(receipt: Receipt) -> Facets:
    """How much a publication wrote."""
    return facet(
        "OutputStatisticsOutputDatasetFacet",
        rowCount=receipt.rows_accepted,
        size=receipt.bytes,
        fileCount=receipt.files,
    )


def _input(name: ProductId, columns: Sequence[str] | None, lake: Lake, namespace: str) -> Dataset:
    made = dataset(name, lake.table(name).url, namespace)
    if columns:
        fields = [{"name": column} for column in columns]
        made["facets"]["schema"] = facet("SchemaDatasetFacet", fields=fields)
    return made


def _classified(product: DataProduct) -> list[dict[str, str]]:
    return [
        {
            "key": "classification",
            "value": str(column.classification),
            "source": "MESH",
            "field": column.name,
        }
        for column in product.contract.columns
    ]


def _metrics(
    receipt: Receipt, profile: Mapping[str, Any] | None, guarded: frozenset[str]
) -> Facets:
    """Measures of the table, where a publication is all of it; else of its columns alone."""
    whole = (
        {"rowCount": receipt.rows_accepted, "bytes": receipt.bytes, "fileCount": receipt.files}
        if receipt.write_mode == _WHOLE
        else {}
    )
    columns = {
        item["name"]: _measures(item)
        for item in (profile or {}).get("columns", ())
        if item["name"] not in guarded and not item.get("is_hidden")
    }
    return facet("DataQualityMetricsDatasetFacet", **whole, columnMetrics=columns)


def _measures(item: Mapping[str, Any]) -> Facets:
    """A column's profile in the standard's words, which has numbers only."""
    quantiles = {str(q["share"]): q["value"] for q in item.get("quantiles", ())}
    return named_values(
        {
            "nullCount": item.get("nulls"),
            "distinctCount": item.get("distinct_estimate"),
            "min": _number(item.get("min")),
            "max": _number(item.get("max")),
            "quantiles": quantiles
            if quantiles and all(_number(value) is not None for value in quantiles.values())
            else None,
        }
    )


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _column_lineage(edges: Iterable[ColumnEdge], lake: Lake) -> Facets:
    fields: dict[str, dict[tuple[str, str, str], list[Facets]]] = {}
    for edge in edges:
        place = _place(edge.upstream, lake)
        key = (place.namespace, place.name, edge.upstream_column)
        fields.setdefault(edge.column, {}).setdefault(key, []).append(
            {
                "type": "DIRECT" if edge.is_direct else "INDIRECT",
                "subtype": edge.kind,
                "masking": edge.is_masking,
            }
        )
    found = {
        name: [
            {"namespace": place, "name": table, "field": column, "transformations": kinds}
            for (place, table, column), kinds in sources.items()
        ]
        for name, sources in fields.items()
    }
    on_rows = found.pop("", [])
    return facet(
        "ColumnLineageDatasetFacet",
        fields={name: {"inputFields": sources} for name, sources in found.items()},
        **({"dataset": on_rows} if on_rows else {}),
    )


def _place(product: str, lake: Lake) -> DatasetName:
    """The dataset of a product: its table."""
    return DatasetName.of_url(lake.table(ProductId.parse(product)).url)


def _uri(url: str) -> str:
    return url if "://" in url else PurePath(url).as_uri()
