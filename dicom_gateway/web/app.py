"""The web application: routes, and the layers around them. From the outside in: edge, authentication, bodies."""

from fastapi import Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from dicom_gateway.errors import GatewayError
from dicom_gateway.web import documentation, health
from dicom_gateway.web.api import (
    attention,
    deliveries,
    devices,
    instances,
    messages,
    observations,
    orders,
    patients,
    studies,
)
from dicom_gateway.web.authentication import Authentication, Authenticator
from dicom_gateway.web.bodies import BodyLimits
from dicom_gateway.web.edge import Edge
from dicom_gateway.web.pages import add_pages
from dicom_gateway.web.pages.errors import error_page, is_page, plain_page
from dicom_gateway.web.problems import answer_error, handle_http_error, handle_invalid_request
from dicom_gateway.web.roles import authorised
from dicom_gateway.web.schema import DescribedApp
from dicom_gateway.web.services import Services

_DESCRIPTION = (
    "Orders go in, images come out. Every call under `/api/v1` needs a token: `Authorization: Bearer TOKEN`, made by "
    "`dicom-gateway token create`. A token bound to a source sees that source only. "
    "Errors are `application/problem+json`."
)


def create_app(services: Services) -> DescribedApp:
    """Return the application (a FastAPI) over `services`."""
    app = DescribedApp(
        title="DICOM gateway",
        version=services.version,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.services = services
    for module in (orders, patients, observations, studies, instances, deliveries, messages, devices, attention):
        app.include_router(module.router, dependencies=[Depends(authorised)])
    app.include_router(health.router)
    app.include_router(documentation.router)
    add_pages(app, services)
    app.add_exception_handler(GatewayError, _handle_gateway_error)
    app.add_exception_handler(HTTPException, _handle_http_error)
    app.add_exception_handler(RequestValidationError, handle_invalid_request)
    app.add_middleware(BodyLimits)  # the last one added is the outermost
    app.add_middleware(Authentication, authenticator=Authenticator(services.tokens, services.clock))
    app.add_middleware(Edge, answer=lambda scope, error: _answered({**scope, "app": app}, error))
    return app


def _answered(scope: Scope, error: Exception) -> Response:
    request = Request(scope)
    return error_page(request, error) if is_page(request.url.path) else answer_error(error)


async def _handle_gateway_error(request: Request, error: Exception) -> Response:
    return _answered(request.scope, error)


async def _handle_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if is_page(request.url.path):
        return plain_page(request, error.status_code, [str(error.detail)])
    return await handle_http_error(request, error)


def _operation_id(route: APIRoute) -> str:
    return route.name
