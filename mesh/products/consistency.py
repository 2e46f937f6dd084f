"""Whether products fit together: inputs and references that exist, and an order to run them in.

Owns the checks across products. What is wrong within one product is found when it is declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from mesh.contracts.model import Rule
from mesh.contracts.rules import Target
from mesh.errors import CyclicInputsError, Problem, did_you_mean, near_names
from mesh.products.collection import Organization
from mesh.products.declaration import DataProduct
from mesh.products.deprecation import deprecation_problems
from mesh.products.expectations import expectations_of
from mesh.products.glossary import term_problems

PLATFORM = "platform"
"""The platform's own domain, whose products describe all others and so come last."""


def check(organization: Organization) -> list[Problem]:
    """Everything that is wrong with a mesh, each with its place and what to do next."""
    problems = [*organization.problems]
    for broken in organization.broken:
        problems += broken.problems
    unloaded = {broken.name for broken in organization.broken}
    for product in organization.products.values():
        problems += _input_problems(product, organization.products, unloaded)
        problems += _reference_problems(product, organization.products, unloaded)
    problems += deprecation_problems(organization)
    terms = [term for domain in organization.domains for term in domain.terms]
    problems += term_problems(terms, organization.products, unloaded)
    try:
        run_order(list(organization.products.values()))
    except CyclicInputsError as error:
        problems += error.problems
    return problems


def run_order(products: Sequence[DataProduct]) -> list[DataProduct]:
    """The products so that each comes after those that it needs: always in the same order.

    Raises CyclicInputsError.
    """
    by_name = {str(product.id): product for product in products}
    needed = dependencies(products)
    order = TopologicalSorter({name: sorted(needed[name]) for name in sorted(needed)})
    try:
        return [by_name[name] for name in order.static_order()]
    except CycleError as error:
        names = list(reversed(error.args[1]))
        raise CyclicInputsError([circle(names, by_name[names[0]].source)]) from None


def dependencies(products: Sequence[DataProduct]) -> dict[str, set[str]]:
    """For each product the others, among these, that it waits for.

    Inputs always; products that its contract only refers to where that makes no circle; for the
    platform's own products everything else.
    """
    names = {str(product.id) for product in products}
    others = {name for name in names if not name.startswith(f"{PLATFORM}.")}
    read = {str(p.id): {port.product for port in p.inputs.values()} & names for p in products}
    seen = {
        str(p.id): others if p.id.domain == PLATFORM else {*map(str, p.referenced)} & names
        for p in products
    }

    def upstream(name: str) -> Iterable[str]:
        return read[name] | seen[name]

    return {
        name: read[name] | {other for other in seen[name] if not way(other, name, upstream)}
        for name in names
    }


def way(start: str, goal: str, upstream: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
    """The products from `start` upstream to `goal`, both included; empty when none leads there."""
    before: dict[str, str] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name == goal:
            path = [name]
            while path[-1] != start:
                path.append(before[path[-1]])
            return tuple(reversed(path))
        for other in sorted(upstream(name)):
            if other not in before and other != start:
                before[other] = name
                waiting.append(other)
    return ()


def circle(names: Sequence[str], where: str) -> Problem:
    """The problem of products that need each other: the first is also the last."""
    return Problem(
        f"inputs lead in a circle: {' → '.join(names)}",
        where=where,
        hint="remove one of these inputs, or move what both need into a product of its own",
    )


def _input_problems(
    product: DataProduct, known: Mapping[str, DataProduct], unloaded: set[str]
) -> Iterable[Problem]:
    for name, port in product.inputs.items():
        where = f"{product.source}: {product.id}, input {name!r}"
        upstream = known.get(port.product)
        if upstream is None:
            if port.id.domain in unloaded:
                continue
            hint = did_you_mean(near_names(port.product, known)) or "`mesh list` shows them all"
            yield Problem(f"there is no product {port.product!r}", where, hint)
            continue
        yield from _unknown_columns(port.columns or (), upstream, where)
        for item in expectations_of(name, port):
            is_told = port.columns is not None and item.column not in upstream.contract.column_names
            if not is_told and (why := item.unfit(upstream.contract)):
                what = f"{item.word} cannot be expected of {upstream.id}: {why}"
                yield Problem(what, where, "change what the input expects")


def _unknown_columns(
    columns: Iterable[str], upstream: DataProduct, where: str
) -> Iterable[Problem]:
    names = upstream.contract.column_names
    for column in columns:
        if column not in names:
            hint = did_you_mean(near_names(column, names)) or f"columns are {', '.join(names)}"
            yield Problem(f"{upstream.id} has no column {column!r}", where, hint)


def _reference_problems(
    product: DataProduct, known: Mapping[str, DataProduct], unloaded: set[str]
) -> Iterable[Problem]:
    for rule in product.contract.rules:
        if rule.check == "references":
            yield from _reference_problem(rule, product, known, unloaded)


def _reference_problem(
    rule: Rule, product: DataProduct, known: Mapping[str, DataProduct], unloaded: set[str]
) -> Iterable[Problem]:
    to = Target.of(rule)
    where = f"{product.source}: {product.id}.{rule.columns[0]}, references"
    target = known.get(to.product)
    if target is None:
        if to.product.partition(".")[0] not in unloaded:
            hint = did_you_mean(near_names(to.product, known)) or "domain.product_v1.column"
            yield Problem(f"there is no product {to.product!r}", where, hint)
        return
    yield from _unknown_columns(to.columns, target, where)
    for own, column in zip(rule.columns, to.columns, strict=False):
        if column in target.contract.column_names:
            found = target.contract.column(column).type
            wanted = product.contract.column(own).type
            if found != wanted:
                subject = own if len(rule.columns) > 1 else "it"
                yield Problem(f"{subject} is {wanted}, {to.product}.{column} is {found}", where)
