"""Why a step is not on the worklist of a device, or that it is: one verdict in words, from what was observed.

Theory of operation. RULES are asked in their order: what keeps the device from asking at all. Else each query that is
kept gets a verdict of its own by OF_A_QUERY, and one of them decides: the best of those that were asked within a
quarter of an hour of the last one. Queries that look for somebody else are passed over as long as there are others.
If it found the step and a later one of them did not, both are told.
Weak spot: what a query found is not kept but for the steps served, so the order is compared as it is now.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from dicom_gateway.core.devices import Device, Service
from dicom_gateway.core.explain_keys import WORDS, KeyResult
from dicom_gateway.core.habits import ServiceUsed
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import ScheduledStep
from dicom_gateway.core.status import HIDDEN_FROM_WORKLIST, StepStatus

TOGETHER: Final = 15 * 60 * SECOND  # queries of one look at the worklist
OUT_OF_RESOURCES, CANCELLED = 0xA700, 0xFE00
# Reasons of a refusal, as core.devices and dicom.server give them.
UNKNOWN, WRONG_ADDRESS, OTHER_CALLED = "unknown device", "address not in allowed_from", "calls another AE title"


class Why(StrEnum):
    """What a verdict says."""

    ON_IT = "on it"
    UNKNOWN_DEVICE = "unknown device"
    REFUSED = "refused"
    NOT_ALLOWED = "service not allowed"
    NEVER_SEEN = "never seen"
    NEVER_ASKED = "never asked"
    UNREADABLE = "query cannot be read"
    HIDDEN = "hidden status"
    KEYS = "keys do not match"
    CHARACTER_SET = "character set"
    TOO_OLD = "too old"
    TOO_MANY = "too many answers"
    FAILED = "query failed"
    CANCELLED = "query cancelled"
    ASKED_BEFORE = "asked before"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is the matter, and what to do about it."""

    why: Why
    reason: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An association that was refused."""

    at: int
    address: str
    called_ae_title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that is kept, and how it compares with the step. `readable`: its identifier could be parsed;
    `names_status`: it asks for a status; `too_many`: it finds more steps than may be answered; `unencodable`: what
    of a step that it finds no character set of the device carries, where the device's profile refuses that."""

    at: int
    address: str
    status: int
    answers: int
    times: int
    readable: bool = True
    names_status: bool = False
    too_many: bool = False
    unencodable: str = ""
    keys: tuple[KeyResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of a step and a device. `refusal`: why the device may not associate, from where it called last;
    `used`: services it used, with the last time; `served`: first and last time that the step went to it, or None;
    `changed_at`: when the order was changed last, `is_changed` whether it was since it came; `not_before`: steps of
    earlier days (YYYYMMDD) are left out; `when` writes an instant for a person, local, YYYY-MM-DD HH:MM
    first; `alike`: a device whose AE title differs in capitals only, or ""."""

    step: ScheduledStep
    device: Device
    refusal: str
    attempts: Sequence[Attempt]
    used: dict[str, int]
    queries: Sequence[Asked]
    served: tuple[int, int] | None
    changed_at: int
    is_changed: bool
    not_before: str
    max_answers: int
    when: Callable[[int], str]
    alike: str = ""


def explain_step(observed: Observed) -> tuple[Verdict, list[Verdict]]:
    """Return the verdict on a step, and the one on each of its queries."""
    of_queries = [_of_query(observed, asked) for asked in observed.queries]
    for rule in RULES:
        verdict = rule(observed)
        if verdict is not None:
            return _with_alike(observed, verdict), of_queries
    return _deciding(observed, of_queries), of_queries


def _with_alike(observed: Observed, verdict: Verdict) -> Verdict:
    if not observed.alike or verdict.why not in (Why.UNKNOWN_DEVICE, Why.NEVER_SEEN):
        return verdict
    reason = f"there is a device {observed.alike}, which differs in capitals only; {verdict.reason}"
    return Verdict(verdict.why, reason, f"ask about {observed.alike}, or correct the AE title at the device to that")


def _deciding(observed: Observed, verdicts: list[Verdict]) -> Verdict:
    every = list(zip(observed.queries, verdicts, strict=True))
    pairs = [pair for pair in every if not _is_for_another(pair[0])] or every
    last = max(asked.at for asked, _ in pairs)
    together = [pair for pair in pairs if last - pair[0].at <= TOGETHER]
    asked, verdict = min(together, key=lambda pair: (_RANK.get(pair[1].why, 2), _failed(pair[0]), -pair[0].at))
    if verdict.why is Why.ON_IT:
        return _with_newest(observed, verdict, asked.at, every)
    return _of_another(observed, asked, verdict) if _is_for_another(asked) else verdict


def _with_newest(observed: Observed, verdict: Verdict, at: int, pairs: list[tuple[Asked, Verdict]]) -> Verdict:
    """Return the verdict that a step is on it, with what is the matter with the newest query if that missed it."""
    newest, its = max(pairs, key=lambda pair: pair[0].at)
    if its.why is Why.ON_IT or not 0 < newest.at - at <= TOGETHER:
        return verdict
    its = _of_query(replace(observed, served=None), newest)  # when it was served is said already
    reason = f"{verdict.reason}; its last query of {observed.when(newest.at)[11:16]} did not find it: {its.reason}"
    return Verdict(Why.ON_IT, reason, its.action)


def _of_another(observed: Observed, asked: Asked, verdict: Verdict) -> Verdict:
    """Return the verdict where every query that is kept looks for somebody; the step's stations go first."""
    if verdict.why not in (Why.KEYS, Why.CHARACTER_SET):
        return verdict
    reason = f"every query that is kept looks for somebody, none finds this one: {verdict.reason}"
    stations, ae_title = observed.step.station_ae_titles, observed.device.ae_title
    is_said = any(key.key == _STATION and not key.matched for key in asked.keys)
    if not stations or ae_title in stations or is_said:
        return replace(verdict, reason=reason)
    return Verdict(
        verdict.why, f"the step is for {' or '.join(stations)}, not for {ae_title}; {reason}", WORDS[_STATION].action
    )


_STATION: Final = "ScheduledStationAETitle"


_RANK: Final = {Why.ON_IT: 0, Why.ASKED_BEFORE: 1}


def _failed(asked: Asked) -> int:
    return sum(not key.matched for key in asked.keys)


def _is_for_another(asked: Asked) -> bool:
    return any(key.of_a_person and not key.matched for key in asked.keys)


_AFTER_REFUSAL: Final = {
    WRONG_ADDRESS: "correct allowed_from of the device in the gateway, or the address of the device",
    OTHER_CALLED: "correct the called AE title (that of the gateway) at the device",
}


def _refused(observed: Observed) -> Verdict | None:
    last = max(observed.attempts, key=lambda attempt: attempt.at, default=None)
    told = f"; it tried last at {observed.when(last.at)} from {last.address}" if last else "; it never tried"
    ae_title = observed.device.ae_title
    if observed.refusal == UNKNOWN:
        return Verdict(
            Why.UNKNOWN_DEVICE,
            f"the gateway does not know a device {ae_title} and refuses it{told}",
            f"dicom-gateway devices {'approve' if last else 'add'} {ae_title}, or correct the AE title at the device",
        )
    seen = max([*observed.used.values(), *(asked.at for asked in observed.queries)], default=0)
    if last is not None and last.at > seen:
        reason = last.reason or observed.refusal or "refused"
        called = f" ({last.called_ae_title})" if reason == OTHER_CALLED else ""
        return Verdict(
            Why.REFUSED,
            f"the gateway refused {ae_title} at {observed.when(last.at)} from {last.address}: {reason}{called}",
            _AFTER_REFUSAL.get(observed.refusal or reason, "ask again at the device: it may associate now"),
        )
    if observed.refusal:
        reason = f"the gateway refuses {ae_title} now: {observed.refusal}"
        return Verdict(Why.REFUSED, reason, _AFTER_REFUSAL[WRONG_ADDRESS])
    return None


def _not_allowed(observed: Observed) -> Verdict | None:
    if Service.WORKLIST in observed.device.services:
        return None
    reason = f"{observed.device.ae_title} may not use the worklist: its services do not name it"
    return Verdict(Why.NOT_ALLOWED, reason, "add worklist to the services of the device")


_INSTEAD: Final = {
    ServiceUsed.STORAGE: "it sent images at {}",
    ServiceUsed.MPPS: "it reported by MPPS at {}",
    ServiceUsed.VERIFICATION: "it verified (C-ECHO) at {}",
    ServiceUsed.ASSOCIATION: "it opened an association at {}",
}


def _never_asked(observed: Observed) -> Verdict | None:
    if observed.queries:
        return None
    ae_title = observed.device.ae_title
    done = [text.format(observed.when(observed.used[name])) for name, text in _INSTEAD.items() if name in observed.used]
    if not done:
        reason = f"{ae_title} has never called this gateway"
        action = "check address, port and AE titles at the device, then let it verify (C-ECHO)"
        return Verdict(Why.NEVER_SEEN, reason, action)
    if ServiceUsed.WORKLIST in observed.used:
        return Verdict(Why.NEVER_ASKED, f"no query of {ae_title} is kept", "let the device ask again")
    reason = f"{ae_title} has never asked for a worklist; {done[0]}"
    action = "switch the worklist on at the device: this gateway's address, port and AE title"
    return Verdict(Why.NEVER_ASKED, reason, action)


RULES: Final = (_refused, _not_allowed, _never_asked)


def _of_query(observed: Observed, asked: Asked) -> Verdict:
    for rule in OF_A_QUERY:
        verdict = rule(observed, asked)
        if verdict is not None:
            return verdict
    first, last = observed.served or (asked.at, asked.at)
    last = max(last, asked.at if asked.at - last < 60 * SECOND else last)
    shown = observed.when(last) if first == last else f"{observed.when(last)}, first at {observed.when(first)}"
    return Verdict(Why.ON_IT, f"is on it: served at {shown}")


def _unreadable(observed: Observed, asked: Asked) -> Verdict | None:
    if asked.readable:
        return None
    reason = f"its query of {observed.when(asked.at)} cannot be read (status {asked.status:04X})"
    return Verdict(Why.UNREADABLE, reason, "ask the device's maker; the query breaks the encoding of DICOM")


def _hidden(observed: Observed, asked: Asked) -> Verdict | None:
    status = observed.step.status
    if asked.names_status:
        return None
    until = _until(observed)
    if status in HIDDEN_FROM_WORKLIST:
        reason = f"the step is {status}: what has ended is left out{until}"
        return Verdict(Why.HIDDEN, reason, "order it again if it is to be done once more")
    if status is StepStatus.STARTED and observed.device.hides_started:
        reason = f"status STARTED is hidden for this device{until}"
        return Verdict(Why.HIDDEN, reason, "set hides_started = false for the device, if it is to show begun steps")
    return None


def _until(observed: Observed) -> str:
    return f"; it was served until {observed.when(observed.served[1])}" if observed.served else ""


def _keys(observed: Observed, asked: Asked) -> Verdict | None:
    failed = [key for key in asked.keys if not key.matched]
    if not failed:
        return None
    why = Why.CHARACTER_SET if failed[0].uncarried else Why.KEYS
    action = failed[0].action
    if _is_of_another_day(observed, asked):
        action = f"ask again: the last query was of {observed.when(asked.at)}"
    return Verdict(why, "; ".join(key.reason for key in failed) + _until(observed), action)


def _is_of_another_day(observed: Observed, asked: Asked) -> bool:
    """Say whether the query asked for the day on which it was made, and for nothing else that fails."""
    failed = [key for key in asked.keys if not key.matched]
    day = observed.when(asked.at)[:10]
    return [key.key for key in failed] == ["ScheduledProcedureStepStartDate"] and failed[0].asked == day


def _too_old(observed: Observed, asked: Asked) -> Verdict | None:
    if not observed.not_before or f"{observed.step.start:%Y%m%d}" >= observed.not_before:
        return None
    reason = f"the step is of {observed.step.start:%Y-%m-%d}, and hide_after_days leaves steps of earlier days out"
    return Verdict(Why.TOO_OLD, reason, "correct the order's start, or raise worklist.hide_after_days")


def _status(observed: Observed, asked: Asked) -> Verdict | None:
    at = observed.when(asked.at)
    if asked.unencodable:
        reason = f"its query of {at} was refused as a whole: {asked.unencodable}"
        return Verdict(Why.CHARACTER_SET, reason, "give the device ISO_IR 192, or set unencodable to transliterate")
    if asked.too_many:
        reason = f"its query of {at} finds more than {observed.max_answers} steps and was refused"
        return Verdict(Why.TOO_MANY, reason, "narrow the query at the device, or raise worklist.max_answers")
    if asked.status not in (0, CANCELLED):
        away = ": the database could not be read then" if asked.status == OUT_OF_RESOURCES else ""
        return Verdict(Why.FAILED, f"its query of {at} failed with status {asked.status:04X}{away}", "ask again")
    return None


def _asked_before(observed: Observed, asked: Asked) -> Verdict | None:
    if observed.served:
        return None
    at = observed.when(asked.at)
    if asked.at < observed.changed_at:
        what = "was changed" if observed.is_changed else "came"
        reason = f"last asked {at}, the order {what} {observed.when(observed.changed_at)}"
        return Verdict(Why.ASKED_BEFORE, reason, "ask again at the device")
    if asked.status == CANCELLED:
        return Verdict(Why.CANCELLED, f"the device ended its query of {at} before this step", "ask again")
    return None


OF_A_QUERY: Final = (_unreadable, _hidden, _keys, _too_old, _status, _asked_before)
