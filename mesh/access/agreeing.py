"""Access: asked for, decided, ended, renewed.

Owns who may ask for whom, what needs no agreement, and what an approval makes: an agreement that
holds exactly what was decided. How cases go on is `docket`, and what agreements cover `agreements`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from mesh.access.docket import Ballot, Docket
from mesh.access.model import Principal, PrincipalKind
from mesh.access.rights import same
from mesh.access.roster import OWNER, PARTNER, STEWARD, folded
from mesh.access.terms import WHOLE_DOMAIN, Terms, classes_of
from mesh.catalog.agreements import SEPARATE, UNITED
from mesh.catalog.cases import AgreementRecord, Case
from mesh.catalog.chain import NewEntry
from mesh.catalog.decision_log import state_of
from mesh.catalog.model import ProductRecord
from mesh.contracts.model import GUARDED, Classification
from mesh.errors import DecisionError, InvalidNameError
from mesh.naming import ProductId
from mesh.products.decision_rights import ChangeKind, ConsumerKind, is_role
from mesh.products.ports import Access

_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Agreeing:
    """Access to the products of a catalog."""

    docket: Docket

    def request(self, product: str, terms: Terms, by: str) -> Case:
        """Ask for a product; `terms.holder` empty is for oneself. Returns the case, maybe decided.

        Raises DecisionError for what needs no agreement, cannot be agreed on, or is there already.
        """
        now = datetime.now(UTC)
        found = self.docket.catalog.product(product)
        person = self.docket.roster.person(by)
        held = self._held(terms, person)
        asked = held.checked(found.contract, now, found.name)
        _require_need(found, asked)
        self._refuse_what_is_there(found, asked, now)
        return self.docket.open(
            ChangeKind.ACCESS, found.name, asked.as_json(), person.name, self.outcome
        )

    def vote(self, case_id: str, ballot: Ballot) -> Case:
        """Say yes or no; yes to less than was asked for is what others then have to say yes to."""
        return self.docket.vote(case_id, ballot, self.outcome)

    def revoke(self, agreement_id: str, by: str, why: str) -> AgreementRecord:
        """End an agreement at once; again changes nothing.

        Those who answer for the product may, those who would decide it, its holder (of a domain
        who answers for that), and who asked.
        """
        person = self.docket.roster.person(by).name
        book = self.docket.catalog.agreements
        for _ in range(_ATTEMPTS):
            found = book.agreement(agreement_id)
            if found.revoked_at is not None:
                return found
            self._require_end(found, person)
            now = datetime.now(UTC)
            ended = replace(found, revoked_at=now, revoked_by=person, revision=found.revision + 1)
            if book.change(ended, [_entry("revoked", ended, person, now, {"why": why})]):
                return ended
        raise DecisionError("others kept changing it", where=agreement_id, hint="repeat it")

    def renew(self, agreement_id: str, until: datetime | None, by: str) -> Case:
        """Ask for an agreement to go on, until another end. It is decided as a request is."""
        now = datetime.now(UTC)
        found = self.docket.catalog.agreements.agreement(agreement_id)
        if found.revoked_at is not None:
            what = f"it was revoked on {found.revoked_at.date()} by {found.revoked_by}"
            raise DecisionError(what, where=agreement_id, hint="`mesh access request` asks anew")
        if found.until is None and until is None:
            raise DecisionError("it has no end", where=agreement_id, hint="give it one: --until")
        end = until or now + ((found.until or now) - found.since)
        person = self.docket.roster.person(by)
        terms = self._held(_terms_of(found, end), person)
        contract = self.docket.catalog.product(found.product).contract
        asked = terms.checked(contract, now, found.product)
        return self.docket.open(
            ChangeKind.ACCESS, found.product, asked.as_json(), person.name, self.outcome
        )

    def separate(self, product: str, by: str, why: str) -> bool:
        """Let a major inherit no agreements of the majors before it; says whether it did."""
        named, entry = self._of_owner(product, by, why, SEPARATE)
        return self.docket.catalog.agreements.separate(named, entry)

    def unite(self, product: str, by: str, why: str) -> bool:
        """Let a major inherit again; says whether it did not."""
        named, entry = self._of_owner(product, by, why, UNITED)
        return self.docket.catalog.agreements.unite(named, entry)

    def outcome(self, case: Case) -> AgreementRecord | None:
        """The agreement that an approved case makes, or the one that it renews; None for no access.

        Raises DecisionError when what was asked for is not what it was.
        """
        if case.kind is not ChangeKind.ACCESS:
            return None
        terms = Terms.from_json(case.asked)
        contract = self.docket.catalog.product(case.subject).contract
        where = f"{case.id}, {case.subject}"
        present = {column.name for column in contract.columns}
        gone = sorted(set(terms.columns or ()) - present)
        is_same = not gone and classes_of(terms.columns, contract, where) == terms.classifications
        if not is_same and not _is_narrower(terms, classes_of(None, contract, where)):
            what = "the contract changed since: columns are gone, or classified otherwise"
            raise DecisionError(what, where=where, hint="ask again: `mesh access request`")
        now = case.changed_at
        if terms.until is not None and terms.until <= now:
            raise DecisionError("the end that was asked for is over", where=where)
        if terms.renews:
            return self._renewed(case, terms)
        return AgreementRecord(
            id=case.id,
            product=case.subject,
            holder=terms.holder,
            purpose=terms.purpose,
            columns=terms.columns,
            since=now,
            until=terms.until,
            case=case.id,
            requested_by=case.requested_by,
            classifications=terms.classifications,
            conditions=terms.conditions,
        )

    def _renewed(self, case: Case, terms: Terms) -> AgreementRecord:
        found = self.docket.catalog.agreements.agreement(terms.renews)
        if found.revoked_at is not None:
            raise DecisionError(f"{found.id} was revoked meanwhile", where=case.id)
        return replace(
            found,
            columns=terms.columns,
            until=terms.until,
            case=case.id,
            classifications=terms.classifications,
            conditions=terms.conditions,
            revision=found.revision + 1,
        )

    def _held(self, terms: Terms, person: Principal) -> Terms:
        """The terms with who will hold it, and of which domains that is.

        Raises DecisionError when this person cannot ask for them.
        """
        name = terms.holder or person.name
        kind, domains, is_own = self._holder(name, person)
        if not is_own:
            raise DecisionError(
                f"{person.name} cannot ask for {name}",
                hint="somebody of the domain that it belongs to can, or who has the role",
            )
        return replace(terms, holder=name, holder_kind=kind, consumers=domains)

    def _holder(self, name: str, person: Principal) -> tuple[ConsumerKind, frozenset[str], bool]:
        """What a holder is, its domains, and whether a person may ask for it."""
        if folded(name) == folded(person.name):
            return ConsumerKind.PERSON, person.domains, True
        known = self.docket.roster.known(name)
        if known is not None and known.kind is PrincipalKind.SERVICE:
            return ConsumerKind.SERVICE, known.domains, bool(known.domains & person.domains)
        if known is not None:
            return ConsumerKind.PERSON, known.domains, False
        if is_role(name):
            domain = name.partition(".")[0] if "." in name else ""
            domains = frozenset({domain} - {""})
            return ConsumerKind.ROLE, domains, domain in person.domains or name in person.roles
        if any(domain.name == name for domain in self.docket.catalog.domains()):
            return ConsumerKind.DOMAIN, frozenset({name}), name in person.domains
        try:
            product = ProductId.parse(name)
        except InvalidNameError as error:
            what = f"{name!r} is no product, role, domain or service"
            hint = "--as domain.product_v1, a domain, or a role such as weather.member or analyst"
            raise DecisionError(what, where="--as", hint=hint) from error
        domains = frozenset({product.domain})
        return ConsumerKind.PRODUCT, domains, product.domain in person.domains

    def _refuse_what_is_there(self, product: ProductRecord, terms: Terms, now: datetime) -> None:
        for found in self.docket.catalog.agreements.of_port(product.id):
            told = (found.holder, same(found.purpose), found.columns, found.conditions)
            asked = (terms.holder, same(terms.purpose), terms.columns, terms.conditions)
            if told == asked and found.state(now) == "active":
                what = f"{terms.holder} has that agreement: {found.id}"
                hint = f"`mesh access renew {found.id}` moves its end"
                raise DecisionError(what, where=product.name, hint=hint)

    def _require_end(self, found: AgreementRecord, person: str) -> None:
        named = self._answering(found.product.partition(".")[0])
        holding = self._answering(found.holder) if WHOLE_DOMAIN in found.conditions else []
        allowed = {*named, *holding, *self._deciders(found), found.holder, found.requested_by}
        if folded(person) not in {folded(name) for name in allowed}:
            hint = f"{', '.join(sorted({*named}))} may"
            raise DecisionError(f"{person} cannot revoke it", where=found.id, hint=hint)

    def _answering(self, domain: str) -> list[str]:
        """Those who answer for a domain."""
        roster = self.docket.roster
        return [n for r in (OWNER, STEWARD, PARTNER) for n in roster.in_role(f"{domain}.{r}")]

    def _deciders(self, found: AgreementRecord) -> tuple[str, ...]:
        """Who would decide it today; nobody, where the rights leave nobody."""
        case = self.docket.catalog.decisions.case(found.case)
        try:
            body = self.docket.standing(case, datetime.now(UTC)).body
        except DecisionError:
            return ()
        return body.people if body else ()

    def _of_owner(self, product: str, by: str, why: str, state: str) -> tuple[ProductId, NewEntry]:
        """A product, and what is logged of its major; only for its owner."""
        named = self.docket.catalog.product(product).id
        person = self.docket.roster.person(by).name
        owners = self.docket.roster.in_role(f"{named.domain}.{OWNER}")
        if folded(person) not in {folded(name) for name in owners}:
            hint = f"{', '.join(owners)} does"
            raise DecisionError(f"{person} does not say that", where=str(named), hint=hint)
        content = {"why": why, **state_of("separation", str(named), state)}
        return named, NewEntry(f"access.{state}", person, str(named), content)


def _require_need(product: ProductRecord, terms: Terms) -> None:
    """Raise DecisionError where no agreement is needed, or none is possible."""
    domain, classes = product.id.domain, set(map(Classification, terms.classifications.values()))
    if domain in terms.consumers:
        what = f"{terms.holder} is of the domain {domain}, and needs no agreement"
        raise DecisionError(what, where=product.name)
    if product.access is Access.PRIVATE:
        what = f"it is private: only the domain {domain} reads it"
        hint = f"ask its owner, {product.owner.email}, to publish it otherwise"
        raise DecisionError(what, where=product.name, hint=hint)
    if product.access is Access.PUBLIC and not classes & GUARDED:
        hint = "name guarded columns to ask for those"
        raise DecisionError("it is public, and needs no agreement", where=product.name, hint=hint)


def _is_narrower(terms: Terms, unguarded: dict[str, str]) -> bool:
    """Whether all unguarded columns were asked for, and every one of those then still is one."""
    if terms.columns is not None:
        return False
    return terms.classifications.items() <= unguarded.items()


def _terms_of(found: AgreementRecord, until: datetime | None) -> Terms:
    return Terms(
        found.holder,
        ConsumerKind.PERSON,
        found.purpose,
        found.columns,
        found.conditions.get("rows", ""),
        until,
        found.conditions.get("onward_sharing", False),
        renews=found.id,
    )


def _entry(
    what: str, found: AgreementRecord, who: str, now: datetime, content: dict[str, str]
) -> NewEntry:
    state = state_of("agreement", found.id, found.state_digest)
    told = {"holder": found.holder, "purpose": found.purpose}
    told |= {name: text for name, text in content.items() if text}
    return NewEntry(
        f"access.{what}", who, found.product, {**told, **state}, found.state_digest, now
    )
