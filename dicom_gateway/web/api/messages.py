"""HL7 messages that came and went, with what became of them: /api/v1/messages. Not for a PMS: they name patients of
every source."""

import re
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.message_answer import message_document, message_summary
from dicom_gateway.errors import InvalidValue, NotFound
from dicom_gateway.storage.messages import Direction, MessageFilter
from dicom_gateway.web.examples import page_example
from dicom_gateway.web.message_schemas import EXAMPLE_MESSAGE, EXAMPLE_MESSAGE_SUMMARY
from dicom_gateway.web.paging import EmptyIsNone, FilterText, PagedQuery, page, read_cursor
from dicom_gateway.web.roles import Authorised
from dicom_gateway.web.schema import answers

LONGEST_ID = 18  # digits, what SQLite keeps

router = APIRouter(tags=["messages"])


class MessageQuery(PagedQuery):
    """Which messages to list."""

    direction: Annotated[Direction | None, EmptyIsNone] = None
    peer: Annotated[FilterText, Field(description="the source or the target")] = ""
    type: Annotated[FilterText, Field(description="such as ORM^O01")] = ""
    outcome: Annotated[FilterText, Field(description="AA, AE, AR, or interrupted")] = ""
    control_id: Annotated[FilterText, Field(description="MSH-10")] = ""
    order_id: Annotated[FilterText, Field(description="only messages about this order")] = ""


@router.get(
    "/api/v1/messages",
    summary="List messages, newest first",
    responses=answers({200: "a page of messages"}, "MessageSummaryPage", page_example(EXAMPLE_MESSAGE_SUMMARY), 422),
)
def list_messages(query: Annotated[MessageQuery, Query()], access: Authorised) -> JSONResponse:
    """Without their contents. They are kept for `messages.keep_days`."""
    after = read_cursor(query.cursor)
    if after and not re.fullmatch(f"[0-9]{{1,{LONGEST_ID}}}", after[1]):
        raise InvalidValue("is not a cursor of this list", "cursor")
    found = access.services.messages.find(
        MessageFilter(
            direction=query.direction.value if query.direction else "",
            peer=query.peer,
            type=query.type,
            outcome=query.outcome,
            control_id=query.control_id,
            order_id=query.order_id,
            limit=query.limit + 1,
            before=(after[0], int(after[1])) if after else None,
        )
    )
    shown = found[: query.limit]
    last = (shown[-1]["at"], str(shown[-1]["key"])) if len(found) > len(shown) else None
    return JSONResponse(page([message_summary(row) for row in shown], last))


@router.get(
    "/api/v1/messages/{id}",
    summary="Show a message with its contents",
    responses=answers({200: "the message"}, "Message", EXAMPLE_MESSAGE, 404),
)
def show_message(id: str, access: Authorised) -> JSONResponse:
    """As it was sent, with its answer."""
    if not id.isascii() or not id.isdigit() or len(id) > LONGEST_ID:
        raise NotFound(f"no message {printable(id, 32)}")
    return JSONResponse(message_document(access.services.messages.get(int(id))))
