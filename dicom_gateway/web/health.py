"""Is it alive, is it ready, how is it doing: for supervisors and load balancers, without a token.

Status words only: no reason, no name, no number of anything a practice keeps. Metrics go to this machine only.
"""

from ipaddress import ip_address

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from dicom_gateway.errors import NotAllowed
from dicom_gateway.web.authentication import peer_address
from dicom_gateway.web.schema import answers, answers_bytes
from dicom_gateway.web.services import Services

_READY = {"status": "ready", "components": {"database": "ok"}}
_PROXIED = ("x-forwarded-for", "forwarded", "x-real-ip", "via")  # somebody else asks through a proxy on this machine

router = APIRouter(tags=["health"])
log = structlog.get_logger()


@router.get(
    "/healthz", summary="Is the program alive?", responses=answers({200: "it is"}, "Alive", {"status": "alive"})
)
async def healthz() -> JSONResponse:
    """Asks nothing but the web role itself."""
    return JSONResponse({"status": "alive"})


@router.get(
    "/readyz",
    summary="Can the program do its work?",
    responses=answers({200: "every component is ok", 503: "one has failed, or the program is ending"}, "Ready", _READY),
)
def readyz(request: Request) -> JSONResponse:
    """Each component with "ok" or "failed"; the reason stands in the log."""
    services: Services = request.app.state.services
    try:
        found = services.readiness()
    except Exception as error:
        log.error("readiness cannot be told", error=type(error).__qualname__)
        found = {"readiness": "failed"}
    if services.draining():
        found = {**found, "accepting": "ending"}
    for name, state in found.items():
        if state != "ok":
            log.debug("not ready", component=name, reason=state)
    components = {name: "ok" if state == "ok" else "failed" for name, state in found.items()}
    ready = "failed" not in components.values()
    content = {"status": "ready" if ready else "not ready", "components": components}
    return JSONResponse(content, 200 if ready else 503)


@router.get(
    "/metrics",
    summary="Metrics in Prometheus' text format",
    response_class=Response,
    responses=answers_bytes("text/plain", "metrics", 403),
)
def metrics(request: Request) -> Response:
    """Only for requests from this machine that no proxy passed on."""
    if not is_of_this_machine(request):
        raise NotAllowed("metrics are for this machine only")
    services: Services = request.app.state.services
    text, media_type = services.metrics()
    return Response(text, headers={"Content-Type": media_type})


def is_of_this_machine(request: Request) -> bool:
    """Say whether a request comes from this machine, and no proxy passed it on."""
    return _is_local(peer_address(request.scope)) and not any(name in request.headers for name in _PROXIED)


def _is_local(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
