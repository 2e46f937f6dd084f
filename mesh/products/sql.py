"""SQL data products: dbt models whose YAML says that they are products.

Owns the way from a model's files to a `DataProduct`. A model with `config.meta.mesh` is a product,
named by its file; any other is private to its domain. Imports no dbt: what a model reads is found
in its Jinja, what it promises in its YAML or in a Pandera model beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from mesh.contracts.model import Contract
from mesh.errors import DefinitionError, Problem, did_you_mean, near_names
from mesh.naming import ProductId, split_versioned
from mesh.products.dbt_files import DomainFiles, Model, Properties, SqlFiles, read_domain
from mesh.products.declaration import DataProduct, SqlModel, declaration_problems
from mesh.products.domain import problem_of
from mesh.products.modes import Append, Overwrite, Upsert, WriteMode
from mesh.products.ports import Freshness, Input, OnViolation, Quarantine, Refuse
from mesh.products.retention import Retention
from mesh.products.sql_contract import contract_of
from mesh.products.sql_terms import ProductModel, ProductTerms
from mesh.settings import Settings


def collect_sql_products(domain: str, settings: Settings) -> list[DataProduct]:
    """The SQL products of a domain; none when the dbt project has no folder for it.

    Raises DefinitionError that lists every problem, each with file, line and path.
    """
    found = read_domain(domain, settings)
    if found is None:
        return []
    problems = list(found.problems)
    products = []
    for model, properties in _declaring(found, problems):
        try:
            products.append(_Binding(found, model, properties, settings.root).bind())
        except DefinitionError as error:
            problems += error.problems
    if problems:
        raise DefinitionError(dict.fromkeys(problems))
    return products


def _declaring(found: DomainFiles, problems: list[Problem]) -> Iterator[tuple[Model, Properties]]:
    """Models that declare a product; those that seem to, in the wrong place, are problems."""
    for name, properties in sorted(found.properties.items()):
        if _is_product(properties) and name in found.models:
            yield found.models[name], properties
        if "mesh" in _mapping(properties.data.get("meta")):
            problems.append(
                Problem("meta.mesh is not read", properties.where(["meta"]), "move it below config")
            )


def _is_product(properties: Properties | None) -> bool:
    data = properties.data if properties else {}
    return "mesh" in _mapping(_mapping(data.get("config")).get("meta"))


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


class _Binding:
    """One model on its way to a product, and what is wrong with it."""

    def __init__(
        self, found: DomainFiles, model: Model, properties: Properties, root: Path
    ) -> None:
        self.found = found
        self.model = model
        self.properties = properties
        self.root = root
        self.problems: list[Problem] = []

    def bind(self) -> DataProduct:
        files = self.found.files_of(self.model.name)
        declared = self._validated()
        inputs = self._inputs(declared.terms if declared else ProductTerms(), files)
        self._check_references(files)
        contract = self._contract(declared) if declared else None
        if declared is None or contract is None or self.found.problems:
            raise DefinitionError(self.problems)
        product = self._product(declared, contract, files, inputs)
        where = self.properties.where(["config", "meta", "mesh"])
        self.problems += declaration_problems(product, where)
        if self.problems:
            raise DefinitionError(self.problems)
        return product

    def _validated(self) -> ProductModel | None:
        try:
            return ProductModel.model_validate(self.properties.data)
        except ValidationError as error:
            file, lines = self.properties.file, dict(self.properties.lines)
            self.problems += [problem_of(file, e, lines, ProductModel) for e in error.errors()]
            return None

    def _contract(self, declared: ProductModel) -> Contract | None:
        try:
            return contract_of(declared, self.properties, self.model.file.parent)
        except DefinitionError as error:
            self.problems += error.problems
            return None

    def _inputs(self, terms: ProductTerms, files: SqlFiles) -> dict[str, Input]:
        """Input ports by the name under which the SQL reads them."""
        inputs: dict[str, Input] = {}
        for source, table in files.sources:
            name = f"{source}.{table}"
            if (source, table) not in self.found.sources:
                hint = f"sources: [{{name: {source}, tables: [{{name: {table}}}]}}]"
                what = f"source {name} is in none of the domain's YAML files"
                self._problem(what, str(self.model.file), f"add it: {hint}")
            try:
                inputs[name] = Input(str(ProductId.parse(name)))
            except DefinitionError as error:
                for problem in error.problems:
                    self._problem(problem.what, str(self.model.file), problem.hint)
        for index, said in enumerate(terms.inputs):
            if said.product in inputs:
                inputs[said.product] = Input(
                    said.product,
                    said.columns,
                    said.purpose,
                    incremental=said.incremental,
                    expects=said.expects,
                )
            else:
                place = self.properties.where(["config", "meta", "mesh", "inputs", index])
                hint = did_you_mean(near_names(said.product, inputs))
                what = f"the SQL does not read {said.product!r}"
                self._problem(what, place, hint or f"it reads {', '.join(inputs) or 'nothing'}")
        return inputs

    def _check_references(self, files: SqlFiles) -> None:
        """Products meet through input ports, not through `ref`."""
        for model in files.models:
            for other in model.reads.models:
                if other == self.model.name:
                    self._problem(f"{other!r} reads itself", str(model.file))
                elif _is_product(self.found.properties.get(other)):
                    name, major = split_versioned(other)
                    hint = f"source('{self.found.domain}', '{name}_v{major or 1}')"
                    what = f"ref('{other}') goes past the contract of a product"
                    self._problem(what, str(model.file), f"read it as an input: {hint}")

    def _product(
        self,
        declared: ProductModel,
        contract: Contract,
        files: SqlFiles,
        inputs: dict[str, Input],
    ) -> DataProduct:
        terms = declared.terms
        name, _ = split_versioned(self.model.name)
        return DataProduct(
            id=self._id(name, contract.version.major),
            contract=contract,
            transform=SqlModel(self.model.file, self.model.name, files.data_tests),
            description=declared.description.strip() or contract.description,
            inputs=inputs,
            on_violation=_on_violation(terms),
            write=_write_mode(terms, contract),
            partition_by=terms.partition_by,
            cluster_by=terms.cluster_by,
            retention=Retention(**terms.retention.model_dump()) if terms.retention else None,
            freshness=Freshness(terms.freshness) if terms.freshness else None,
            schedule=terms.schedule,
            access=terms.access,
            tags=dict(terms.tags),
            deprecated=date.fromisoformat(terms.deprecated) if terms.deprecated else None,
            successor=terms.successor,
            lineage=terms.lineage,
            source=_relative(self.model.file, self.root),
            code_version=files.digest,
        )

    def _id(self, name: str, major: int) -> ProductId:
        where = str(self.model.file)
        try:
            product = ProductId(self.found.domain, name, major)
        except DefinitionError as error:
            raise DefinitionError(Problem(p.what, where, p.hint) for p in error.problems) from error
        if product.dbt_name != self.model.name:
            self._problem(
                f"{product} is made by a model named {self.model.name!r}",
                where,
                f"name the file {product.dbt_name}.sql, or change the contract's version",
            )
        return product

    def _problem(self, what: str, where: str, hint: str = "") -> None:
        self.problems.append(Problem(what, where, hint))


def _on_violation(terms: ProductTerms) -> OnViolation:
    said = terms.on_violation
    return Refuse() if said == "refuse" else Quarantine(said.quarantine)


def _write_mode(terms: ProductTerms, contract: Contract) -> WriteMode:
    modes: dict[str, WriteMode] = {"append": Append(), "upsert": Upsert(on=contract.key)}
    return modes.get(terms.write, Overwrite())


def _relative(file: Path, root: Path) -> str:
    return str(file.relative_to(root)) if file.is_relative_to(root) else file.name
