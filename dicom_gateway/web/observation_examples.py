"""Examples of what the API gives of what devices did; a part of examples.py, of the same story."""

from typing import Any

_QUERY: dict[str, Any] = {
    "at": "2026-11-23T08:10:00.000Z",
    "address": "192.168.1.20",
    "status": "0000",
    "answers": 3,
    "times": 12,
}
_VERDICT: dict[str, Any] = {
    "why": "keys do not match",
    "reason": "asks for 2026-11-22, the step is on 2026-11-23",
    "action": "choose the day of the step, or a longer period, at the device; or correct the order's start",
}
EXAMPLE_EXPLANATION: dict[str, Any] = {
    "order_id": "0123456789abcdef0123456789",
    "ae_title": "DX1",
    "steps": [
        {
            "step_id": "SPS0000000001",
            "status": "SCHEDULED",
            "modality": "DX",
            "start": "2026-11-23T10:15:00",
            "on_worklist": False,
            **_VERDICT,
            "served": None,
            "queries": [
                {
                    **_QUERY,
                    **_VERDICT,
                    "keys": [
                        {
                            "key": "ScheduledStationAETitle",
                            "matched": True,
                            "asked": "DX1",
                            "has": "DX1",
                            "reason": None,
                        },
                        {
                            "key": "ScheduledProcedureStepStartDate",
                            "matched": False,
                            "asked": "2026-11-22",
                            "has": "2026-11-23",
                            "reason": "asks for 2026-11-22, the step is on 2026-11-23",
                        },
                    ],
                }
            ],
        }
    ],
}
_SPAN: dict[str, Any] = {"first_at": "2026-11-02T07:30:00.000Z", "last_at": "2026-11-23T08:10:00.000Z"}
EXAMPLE_HABITS: dict[str, Any] = {
    "ae_title": "DX1",
    "first_seen_at": "2026-11-02T07:30:00.000Z",
    "last_seen_at": "2026-11-23T08:10:00.000Z",
    "sends_mpps": True,
    "habits": [
        {"kind": "character set", "name": "ISO_IR 100", **_SPAN, "times": 412},
        {"kind": "matching key", "name": "Modality", **_SPAN, "times": 412},
        {"kind": "quirk", "name": "sends group lengths", **_SPAN, "times": 412},
        {"kind": "service", "name": "worklist", **_SPAN, "times": 412},
    ],
    "queries": [{**_QUERY, "transfer_syntax_uid": "1.2.840.10008.1.2"}],
}
