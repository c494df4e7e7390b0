"""What waits for a person to say where it belongs: studies of no order, images of another patient inside a study of
one, performed steps that no order is known for; which orders may be meant; and what somebody has seen to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from peewee import SQL, Value, fn

from dicom_gateway.core.linking import WAITING, LinkReason
from dicom_gateway.core.model import Instance, Order, PerformedStep, Study
from dicom_gateway.core.ports import Clock
from dicom_gateway.core.suggestions import (
    Asked,
    Said,
    Suggestion,
    asked_by_steps,
    is_of_another,
    rank,
    said_by_images,
    said_by_report,
    weigh,
)
from dicom_gateway.errors import NotFound
from dicom_gateway.storage import audit, study_rows
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.codec import load_performed_step
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.match_tables import SeenToRow
from dicom_gateway.storage.order_candidates import asked, nearby, orders_of
from dicom_gateway.storage.tables import (
    InstanceRow,
    PerformedReferenceRow,
    PerformedStepRow,
    StudyRow,
)

MOST_COUNTED: Final = 100  # what the navigation says is "99+" anyway
SAMPLES: Final = 6  # images of a study in a list
# As text: SQLite takes a partial index only where the condition stands in the query as it stands in the index.
_WAITS: Final = SQL("order_id = '' AND current = 1")
_REASONS: Final = sorted(reason.value for reason in WAITING - {LinkReason.WRONG_ENTRY})


class _Kind(NamedTuple):
    """How rows of a kind are told apart: what stands before their UID, and their columns."""

    prefix: str
    uid: Any
    at: Any


_STUDIES: Final = _Kind("study ", StudyRow.study_instance_uid, StudyRow.last_received_at)
_REPORTS: Final = _Kind("performed step ", PerformedStepRow.sop_instance_uid, PerformedStepRow.changed_at)


@dataclass(frozen=True, slots=True)
class SeenTo:
    """Who has seen to something, when, and what they noted."""

    at: int
    who: str
    note: str


@dataclass(frozen=True, slots=True)
class Case:
    """Something that waits: images of a study (`images` in all, some of them in `instances`) or performed steps, or
    both. `at` is when the last of it came; `reasons` say why it waits."""

    at: int
    study: Study | None
    instances: Sequence[Instance]
    images: int
    performed: Sequence[PerformedStep]
    reasons: Sequence[str]
    seen_to: SeenTo | None = None
    described: Said = field(default_factory=Said)

    @property
    def uid(self) -> str:
        """The study's UID, or the performed step's when no image has come."""
        return self.study.study_instance_uid if self.study else self.performed[0].sop_instance_uid

    @property
    def subject(self) -> str:
        """What the audit calls it."""
        return f"study {self.uid}" if self.study else f"performed step {self.uid}"


class UnmatchedStore:
    """Reads what waits, ranks orders for it, and keeps what somebody has seen to."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def count(self) -> int:
        """Return how many studies and performed steps wait and nobody has seen to, at most MOST_COUNTED."""
        return self._database.read(count_unmatched)

    def waiting(
        self, limit: int = 50, before: tuple[int, str] | None = None, seen_to: bool = False, no_order_only: bool = False
    ) -> list[Case]:
        """Return what waits, newest first, or with `seen_to` what somebody has seen to; `before` is (at, uid) of the
        last one seen. `no_order_only`: nothing that came inside a study of an order."""

        def run(tx: Transaction) -> list[Case]:
            studies = _waiting_studies().where(StudyRow.order_id == "") if no_order_only else _waiting_studies()
            found = (
                *_page(tx, studies, _STUDIES, before, limit, seen_to),
                *_page(tx, _waiting_reports(), _REPORTS, before, limit, seen_to),
            )
            chosen = sorted(found, key=lambda row: (row["at"], row["uid"]), reverse=True)[:limit]
            return [_case(tx, row, SAMPLES) for row in chosen]

        return self._database.read(run)

    def study(self, study_instance_uid: str) -> Case:
        """Return what waits of a study, with every image; raises NotFound when nothing does."""
        return self._one(_waiting_studies().where(StudyRow.study_instance_uid == study_instance_uid))

    def performed(self, performed_uid: str) -> Case:
        """Return a performed step that waits; raises NotFound when it does not."""
        return self._one(_waiting_reports(with_images=True).where(PerformedStepRow.sop_instance_uid == performed_uid))

    def _one(self, query: Any) -> Case:
        def run(tx: Transaction) -> Case:
            row = tx.row(query)
            if row is None:
                raise NotFound("nothing of it waits to be matched")
            return _case(tx, row, None)

        return self._database.read(run)

    def suggestions(self, said: Said, limit: int = 12, also: str = "") -> list[tuple[Suggestion, Order]]:
        """Return the steps of orders that may be meant, best first; those of the order `also` in any case."""

        def run(tx: Transaction) -> list[tuple[Suggestion, Order]]:
            near = [asked(row) for row in nearby(tx, said)]
            near.sort(key=lambda one: -weigh(said, one).score)
            orders = orders_of(tx, [*filter(None, [also]), *(one.order_id for one in near)])
            every = _asked_by(tx, list(orders.values()))
            found = rank(said, every, limit)
            chosen = {one.asked for one in found}
            found += [weigh(said, one) for one in every if one.order_id == also and one not in chosen]
            return [(suggestion, orders[suggestion.asked.order_id]) for suggestion in found]

        return self._database.read(run)

    def weighed(self, said: Said, orders: Sequence[Order]) -> list[tuple[Suggestion, Order]]:
        """Return how well each step of these orders fits, best first."""
        by_id = {order.id: order for order in orders}
        found = [weigh(said, one) for one in self._database.read(lambda tx: _asked_by(tx, orders))]
        found.sort(key=lambda one: (is_of_another(one), -one.score))
        return [(suggestion, by_id[suggestion.asked.order_id]) for suggestion in found]

    def see_to(self, subject: str, note: str, actor: Actor) -> None:
        """Keep that somebody has seen to it: it waits no more until something more of it comes."""
        now = self._clock()

        def run(tx: Transaction) -> None:
            values = {"at": now, "who": actor.who, "note": note}
            tx.execute(
                SeenToRow.insert(subject=subject, **values).on_conflict(
                    conflict_target=[SeenToRow.subject],
                    update={getattr(SeenToRow, name): value for name, value in values.items()},
                )
            )
            audit.record(tx, now, actor, "seen to without an order", subject, note)

        self._database.write(run)

    def see_again(self, subject: str, actor: Actor) -> None:
        """Let it wait again; raises NotFound when nobody had seen to it."""
        now = self._clock()

        def run(tx: Transaction) -> None:
            if not tx.execute(SeenToRow.delete().where(SeenToRow.subject == subject)):
                raise NotFound("nobody has seen to this")
            audit.record(tx, now, actor, "to be seen to again", subject)

        self._database.write(run)


def _asked_by(tx: Transaction, orders: Sequence[Order]) -> list[Asked]:
    """Return what each step of these orders asks for, and whether images are missing for it."""
    query = (
        InstanceRow.select(InstanceRow.order_id, fn.COUNT(InstanceRow.key).alias("n"))
        .where(InstanceRow.order_id.in_([order.id for order in orders]), InstanceRow.current == 1)
        .group_by(InstanceRow.order_id)
    )
    here = {row["order_id"]: row["n"] for row in tx.rows(query)} if orders else {}
    lacking = {
        order.id
        for order in orders
        if here.get(order.id, 0) < sum(one.expected_instances or 0 for one in order.steps())
    }
    return [replace(one, lacks=order.id in lacking) for order in orders for one in asked_by_steps(order)]


def count_unmatched(tx: Transaction) -> int:
    """Return how many studies and performed steps wait and nobody has seen to, at most MOST_COUNTED."""
    queries = (_waiting_studies().where(~_seen_to(_STUDIES)), _waiting_reports().where(~_seen_to(_REPORTS)))
    return min(sum(len(tx.rows(query.limit(MOST_COUNTED))) for query in queries), MOST_COUNTED)


def _waiting_studies() -> Any:
    waits = InstanceRow.alias("i")
    uids = waits.select(waits.study_instance_uid).where(_WAITS)
    shown = (StudyRow.study_instance_uid.alias("uid"), StudyRow.last_received_at.alias("at"), StudyRow.order_id)
    return StudyRow.select(*shown).where(StudyRow.study_instance_uid.in_(uids))


def _waiting_reports(with_images: bool = False) -> Any:
    """Return the query for performed steps that wait; those of studies whose images wait are part of those."""
    waiting = PerformedReferenceRow.select(PerformedReferenceRow.performed_uid).where(
        PerformedReferenceRow.link_reason.in_(_REASONS)
    )
    shown = (PerformedStepRow.sop_instance_uid.alias("uid"), PerformedStepRow.changed_at.alias("at"))
    query = PerformedStepRow.select(*shown, PerformedStepRow.document).where(
        PerformedStepRow.sop_instance_uid.in_(waiting)
    )
    if with_images:
        return query
    image, reference = InstanceRow.alias("i"), PerformedReferenceRow.alias("r")
    with_study = (
        reference.select(SQL("1"))
        .join(image, on=(image.study_instance_uid == reference.study_instance_uid))
        .where(reference.performed_uid == PerformedStepRow.sop_instance_uid, SQL("i.order_id = '' AND i.current = 1"))
    )
    return query.where(~fn.EXISTS(with_study))


def _page(
    tx: Transaction, query: Any, kind: _Kind, before: tuple[int, str] | None, limit: int, seen_to: bool
) -> list[Row]:
    """Return the newest rows of a query that somebody has, or nobody has, seen to."""
    at, uid = kind.at, kind.uid
    if before:
        query = query.where((at < before[0]) | ((at == before[0]) & (uid < before[1])))
    seen = _seen_to(kind)
    return tx.rows(query.where(seen if seen_to else ~seen).order_by(at.desc(), uid.desc()).limit(limit))


def _seen_to(kind: _Kind) -> Any:
    """Return the condition that somebody has seen to a row since the last of it came."""
    subject = Value(kind.prefix).concat(kind.uid)
    return fn.EXISTS(SeenToRow.select(SQL("1")).where(SeenToRow.subject == subject, SeenToRow.at >= kind.at))


def _subject(row: Row) -> str:
    return f"{(_REPORTS if 'document' in row else _STUDIES).prefix}{row['uid']}"


def _case(tx: Transaction, row: Row, samples: int | None) -> Case:
    seen = tx.row(SeenToRow.select().where(SeenToRow.subject == _subject(row)))
    seen_to = SeenTo(seen["at"], seen["who"], seen["note"]) if seen and seen["at"] >= row["at"] else None
    if "document" in row:
        step = load_performed_step(row["document"])
        reasons = tx.values(_references(step.sop_instance_uid))
        return Case(row["at"], None, (), 0, (step,), _unique(reasons), seen_to, said_by_report(step))
    study = study_rows.get_study(tx, row["uid"])
    assert study is not None, "it was found in this very snapshot"
    mine = (InstanceRow.study_instance_uid == row["uid"], InstanceRow.current == 1, InstanceRow.order_id == "")
    images = int(tx.value(InstanceRow.select(fn.COUNT(InstanceRow.key)).where(*mine)) or 0)
    reasons = tx.values(InstanceRow.select(InstanceRow.link_reason).distinct().where(*mine))
    query = InstanceRow.select().where(*mine).order_by(InstanceRow.key).limit(samples or -1)
    instances = [study_rows.instance_of(found) for found in tx.rows(query)]
    performed = _reports_of(tx, row["uid"])
    return Case(row["at"], study, instances, images, performed, _unique(reasons), seen_to, _said(instances, performed))


def _said(instances: Sequence[Instance], performed: Sequence[PerformedStep]) -> Said:
    """Return what images say, completed by what their performed step says."""
    by_images = said_by_images(
        [instance.header for instance in instances],
        {instance.calling_ae_title for instance in instances},
        min(instance.received_at for instance in instances),
    )
    if not performed:
        return by_images
    report = said_by_report(performed[0])
    more = {name: getattr(report, name) for name in ("birth_date", "sex", "species", "description")}
    return replace(by_images, **{name: value for name, value in more.items() if not getattr(by_images, name)})


def _references(performed_uid: str) -> Any:
    return PerformedReferenceRow.select(PerformedReferenceRow.link_reason).where(
        PerformedReferenceRow.performed_uid == performed_uid
    )


def _reports_of(tx: Transaction, study_instance_uid: str) -> list[PerformedStep]:
    """Return the performed steps of a study that wait like it."""
    query = (
        PerformedStepRow.select(PerformedStepRow.document)
        .join(PerformedReferenceRow, on=(PerformedReferenceRow.performed_uid == PerformedStepRow.sop_instance_uid))
        .where(
            PerformedReferenceRow.study_instance_uid == study_instance_uid,
            PerformedReferenceRow.link_reason.in_(_REASONS),
        )
        .order_by(PerformedStepRow.created_at)
    )
    return [load_performed_step(document) for document in dict.fromkeys(tx.values(query))]


def _unique(reasons: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(reasons))
