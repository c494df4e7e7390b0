"""The page: every router of it, and what it is mounted with."""

from fastapi import APIRouter, Depends, FastAPI

from dicom_gateway.web.pages import (
    account,
    audit,
    connection_editing,
    connections,
    deliveries,
    device_page,
    devices,
    documents,
    entrance,
    files,
    health_page,
    live,
    match_actions,
    matching,
    order,
    order_entry,
    orders,
    pictures,
    studies,
    study,
    today,
    trial_order,
    unordered,
    users,
    why,
    wizard,
)
from dicom_gateway.web.pages.attempts import Attempts
from dicom_gateway.web.pages.errors import lead_away
from dicom_gateway.web.pages.frame import Redirect, visiting
from dicom_gateway.web.pages.rendering import Renderer
from dicom_gateway.web.services import Services

ROUTERS: tuple[APIRouter, ...] = (
    entrance.router,
    live.router,
    users.router,
    account.router,
    deliveries.router,
    documents.router,
    why.router,
    studies.router,
    study.router,
    pictures.router,
    match_actions.router,
    matching.router,
    unordered.router,
    today.router,
    orders.router,
    order_entry.router,
    order.router,  # stays last: its /orders/{id} would take /orders/new
    devices.router,
    device_page.router,
    audit.router,
    health_page.router,
    connections.router,
    connection_editing.router,
    wizard.router,
    trial_order.router,
)


def add_pages(app: FastAPI, services: Services) -> None:
    """Add the page to an application."""
    shared = {"practice": services.page.practice, "version": services.version, "badges": services.page.badges}
    app.state.renderer = Renderer(services.zone, shared)
    app.state.attempts = Attempts(services.clock)
    app.state.streams = set()
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(visiting)])
    app.include_router(entrance.public)
    app.include_router(files.router)
    app.add_exception_handler(Redirect, lead_away)  # type: ignore[arg-type]
