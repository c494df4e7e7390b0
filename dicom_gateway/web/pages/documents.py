"""The documents behind a timeline as they were: HL7 messages, reports of devices (MPPS), events."""

import json
import re
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.identifiers import has_control_characters, printable
from dicom_gateway.core.message_answer import readable
from dicom_gateway.errors import InvalidValue, NotFound
from dicom_gateway.storage.messages import Direction, MessageFilter
from dicom_gateway.web.pages.audit_line_words import detail_words
from dicom_gateway.web.pages.audit_words import action_words, detail_parts
from dicom_gateway.web.pages.data_set_rows import MOST_ROWS, rows_of
from dicom_gateway.web.pages.delivery_texts import words_of
from dicom_gateway.web.pages.frame import Visiting
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.status_words import DELIVERIES, MESSAGES, PERFORMED, badge_of
from dicom_gateway.web.pages.timeline_words import event_words, who_words
from dicom_gateway.web.paging import read_cursor, write_cursor

PAGE_LENGTH: Final = 50
MOST_SEGMENTS: Final = 2000
_KEY: Final = re.compile(r"[0-9]{1,18}")

router = APIRouter(include_in_schema=False)


@router.get("/messages")
def list_messages(
    visit: Visiting, direction: str = "", peer: str = "", outcome: str = "", cursor: str = ""
) -> Response:
    """List HL7 messages, newest first."""
    after = read_cursor(cursor)
    if after and not _KEY.fullmatch(after[1]):
        raise InvalidValue("is not a cursor of this list", "cursor")
    wanted = MessageFilter(
        direction=direction if direction in set(Direction) else "",
        peer=printable(peer.strip()),
        outcome=outcome if outcome in MESSAGES else "",
        limit=PAGE_LENGTH + 1,
        before=(after[0], int(after[1])) if after else None,
    )
    found = visit.services.messages.find(wanted)
    shown = found[:PAGE_LENGTH]
    last = shown[-1] if len(found) > len(shown) else None
    visit.saw("messages")
    return visit.page(
        "messages.html",
        rows=[(row, badge_of(MESSAGES, row["outcome"])) for row in shown],
        wanted=wanted,
        outcomes=[(code, MESSAGES[code].words) for code in MESSAGES if code],
        older=write_cursor((last["at"], str(last["key"]))) if last else "",
        is_first=not cursor,
    )


@router.get("/messages/{key}")
def show_message(key: str, visit: Visiting) -> Response:
    """Show a message as it came or went, a segment a line, with its answer."""
    if not _KEY.fullmatch(key):
        raise NotFound(f"no message {printable(key, 32)}")
    row = visit.services.messages.get(int(key))
    visit.saw(f"message {key}")
    return visit.page(
        "message.html",
        message=row,
        badge_shown=badge_of(MESSAGES, row["outcome"]),
        segment_lines=_segments(row["raw"]),
        answer=_segments(row["answer"]),
    )


def _segments(raw: bytes) -> list[tuple[str, str]]:
    """Return the lines of a message: the name of a segment, and the rest, with what cannot be seen made visible."""
    lines = [line for line in re.split(r"\r\n|\r|\n", readable(raw)) if line][:MOST_SEGMENTS]
    return [(_visible(line[:3]), _visible(line[3:])) for line in lines]


def _visible(text: str) -> str:
    return "".join(f"\\x{ord(c):02x}" if has_control_characters(c) else c for c in text)


@router.get("/performed-steps/{uid}")
def show_performed_step(uid: str, visit: Visiting) -> Response:
    """Show what a device reported of a performed step, attribute by attribute."""
    performed, order_ids, history = visit.services.page.timelines.performed_step(uid)
    visit.saw(f"performed step {uid}")
    rows = rows_of(json.loads(performed.attributes))
    return visit.page(
        "performed_step.html",
        performed=performed,
        badge_shown=badge_of(PERFORMED, performed.status.value),
        order_ids=order_ids,
        history=[(line, who_words(line.who)) for line in history],
        rows=rows,
        is_cut=len(rows) >= MOST_ROWS,
    )


@router.get("/events/{id}")
def show_event(id: str, visit: Visiting) -> Response:
    """Show an event as it is sent, without its images, and how it stands with each PMS."""
    event = visit.services.outbox.event(id)
    paused = visit.services.outbox.paused()
    visit.saw(f"event {id}")
    return visit.page(
        "event.html",
        event=event,
        title=_("Event: %(words)s", words=event_words(event["type"])),
        type_words=event_words(event["type"]),
        back=f"/events/{id}",
        offers_replay=True,
        images=len(json.loads(event["instance_keys"])),
        text=json.dumps(event["envelope"], indent=2, ensure_ascii=False),
        detail_words=detail_words,
        earlier=[
            (line["at"], who_words(line["who"]), action_words(line["action"]), detail_parts(line["detail"]))
            for line in visit.services.audit.of(id)
        ],
        deliveries=[_delivery(row, paused) for row in event["deliveries"]],
    )


def _delivery(row: dict[str, Any], paused: dict[str, str]) -> dict[str, Any]:
    return {
        **row,
        "badge": badge_of(DELIVERIES, row["status"]),
        "words": words_of(row["detail"], row["status"]),
        "is_paused": row["target"] in paused,
    }
