"""What devices were seen to do, and why an order is on a worklist or not."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dicom_gateway.core.identifiers import is_ae_title
from dicom_gateway.web.observation_examples import EXAMPLE_EXPLANATION, EXAMPLE_HABITS
from dicom_gateway.web.roles import Authorised
from dicom_gateway.web.schema import answers

router = APIRouter()


def _ae_title(value: str) -> str:
    if not is_ae_title(value):
        raise ValueError("must be an AE title: 1 to 16 characters, no backslash and no control characters")
    return value.strip()


class ExplainQuery(BaseModel):
    """Which device is asked about."""

    model_config = ConfigDict(extra="forbid")
    device: Annotated[
        str, Field(max_length=16, description="the AE title with which it calls"), AfterValidator(_ae_title)
    ]


@router.get(
    "/api/v1/orders/{id}/explain",
    tags=["orders"],
    summary="Say why an order is on the worklist of a device, or is not",
    responses=answers({200: "each step, with every query that is kept"}, "Explanation", EXAMPLE_EXPLANATION, 404, 422),
)
def explain_order(id: str, query: Annotated[ExplainQuery, Query()], access: Authorised) -> JSONResponse:
    """The last real queries of the device are compared with the order as it is now, key by key."""
    return JSONResponse(access.services.explain(access.order(id), query.device))


@router.get(
    "/api/v1/devices/{ae_title}/habits",
    tags=["devices"],
    summary="Show what a device was seen to do",
    responses=answers({200: "its habits and its last queries"}, "Habits", EXAMPLE_HABITS, 404),
)
def show_habits(ae_title: str, access: Authorised) -> JSONResponse:
    """The services, keys, character sets and peculiarities of a device, each with the first and the last time."""
    return JSONResponse(access.services.observations.document_of(ae_title))
