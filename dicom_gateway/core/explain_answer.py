"""An explanation as the API shows it, and as lines for a person."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dicom_gateway.core.explain import Asked, Observed, Verdict, Why
from dicom_gateway.core.local_time import iso_utc


def step_document(observed: Observed, verdict: Verdict, of_queries: list[Verdict]) -> dict[str, Any]:
    """Return one step of an explanation as the API shows it."""
    step, served = observed.step, observed.served
    return {
        "step_id": step.id,
        "status": step.status.value,
        "modality": step.modality,
        "start": step.start.isoformat(),
        "on_worklist": verdict.why is Why.ON_IT,
        **_verdict(verdict),
        "served": {"first_at": iso_utc(served[0]), "last_at": iso_utc(served[1])} if served else None,
        "queries": [_query(asked, one) for asked, one in zip(observed.queries, of_queries, strict=True)],
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {"why": verdict.why.value, "reason": verdict.reason, "action": verdict.action or None}


def _query(asked: Asked, verdict: Verdict) -> dict[str, Any]:
    return {
        "at": iso_utc(asked.at),
        "address": asked.address,
        "status": f"{asked.status:04X}",
        "answers": asked.answers,
        "times": asked.times,
        **_verdict(verdict),
        "keys": [
            {
                "key": key.key,
                "matched": key.matched,
                "asked": key.asked or None,
                "has": key.has or None,
                "reason": key.reason or None,
            }
            for key in asked.keys
        ],
    }


def explanation_lines(document: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    """Yield an explanation for a person, a step after the other, with local times."""
    for step in document["steps"]:
        yield f"{step['step_id']}  {step['modality']}  {step['start'].replace('T', ' ')}  {step['status']}"
        yield f"  {'' if step['on_worklist'] else 'is not on it: '}{step['reason']}"
        if step["action"]:
            yield f"  what to do: {step['action']}"
        for query in step["queries"]:
            yield (
                f"  query of {_local(query['at'], zone)} from {query['address']}: {query['why']}; status"
                f" {query['status']}, answers {query['answers']}, asked {query['times']}x"
            )
            for key in query["keys"]:
                asked = f"asked {key['asked']}, has {key['has'] or 'nothing'}"
                yield f"    {'matches' if key['matched'] else 'DIFFERS'}  {key['key']}: {key['reason'] or asked}"


def _local(instant: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(zone):%Y-%m-%d %H:%M:%S}"
