"""The page: every router of it, and what it is mounted with."""

from fastapi import APIRouter, Depends, FastAPI

from dicom_gateway.web.pages import account, entrance, files, live, users
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
