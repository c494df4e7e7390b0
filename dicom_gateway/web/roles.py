"""Who may do what: one table of method and path, and what a token that is bound to a source may see.

A route that is not in the table is refused. Another source's order does not exist for a bound token.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from dicom_gateway.core.model import Order
from dicom_gateway.errors import InvalidDocument, InvalidValue, NotAllowed, NotFound
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.tokens import Bearer, Role
from dicom_gateway.web.authentication import peer_address
from dicom_gateway.web.problems import NO_PARAMETER
from dicom_gateway.web.services import Services

ALL = frozenset(Role)
STAFF = frozenset({Role.TECHNICIAN, Role.ADMINISTRATOR})

ROLES: dict[tuple[str, str], frozenset[Role]] = {
    ("POST", "/api/v1/orders"): ALL,
    ("POST", "/api/v1/orders/batch"): ALL,
    ("GET", "/api/v1/orders"): ALL,
    ("GET", "/api/v1/orders/{id}"): ALL,
    ("POST", "/api/v1/orders/{id}/cancel"): ALL,
    ("GET", "/api/v1/orders/{id}/explain"): STAFF,  # the queries of a device name patients of every source
    ("GET", "/api/v1/patients/merges"): STAFF,  # an id may have orders of every source
    ("POST", "/api/v1/patients/merges"): STAFF,
    ("POST", "/api/v1/patients/merges/{id}/undo"): STAFF,
    ("GET", "/api/v1/studies"): ALL,
    ("GET", "/api/v1/studies/{uid}"): ALL,
    ("POST", "/api/v1/studies/{uid}/complete"): STAFF,
    ("GET", "/api/v1/instances/{uid}/thumbnail"): ALL,
    ("GET", "/api/v1/instances/{uid}/metadata"): ALL,
    ("GET", "/api/v1/instances/{uid}/file"): ALL,
    ("GET", "/api/v1/deliveries"): STAFF,
    ("GET", "/api/v1/deliveries/{event_id}"): STAFF,
    ("POST", "/api/v1/deliveries/{event_id}/retry"): STAFF,
    ("GET", "/api/v1/devices"): STAFF,
    ("POST", "/api/v1/devices"): STAFF,
    ("GET", "/api/v1/devices/unknown"): STAFF,
    ("POST", "/api/v1/devices/unknown/{ae_title}/approve"): STAFF,
    ("GET", "/api/v1/devices/{ae_title}"): STAFF,
    ("PUT", "/api/v1/devices/{ae_title}"): STAFF,
    ("DELETE", "/api/v1/devices/{ae_title}"): STAFF,
    ("POST", "/api/v1/devices/{ae_title}/echo"): STAFF,
    ("GET", "/api/v1/devices/{ae_title}/sheet"): STAFF,
    ("GET", "/api/v1/devices/{ae_title}/habits"): STAFF,
    ("GET", "/api/v1/messages"): STAFF,  # they name patients of every source
    ("GET", "/api/v1/messages/{id}"): STAFF,
    ("GET", "/api/v1/alarms"): STAFF,
    ("POST", "/api/v1/alarms/{id}/clear"): STAFF,
}

_scheme = HTTPBearer(auto_error=False, description="a token of `dicom-gateway token create`")


@dataclass(frozen=True, slots=True)
class Access:
    """A request's services, its bearer, and the name under which the audit knows it."""

    services: Services
    bearer: Bearer
    actor: Actor

    @property
    def source(self) -> str:
        """The only source that this bearer sees; "" is no limit."""
        return self.bearer.source if self.bearer.role is Role.PMS else ""

    def require_source(self, source: str) -> None:
        """Raise NotAllowed unless the bearer may send orders of `source`."""
        if self.source and source != self.source:
            raise NotAllowed(f"this token may only send orders of the source {self.source}")

    def order(self, order_id: str) -> Order:
        """Return an order that the bearer sees; raises NotFound."""
        order = self.services.orders.get(order_id)
        if self.source and order.source != self.source:
            raise NotFound(f"no order {order_id}")
        return order

    def sees(self, order_id: str) -> bool:
        """Say whether the bearer sees what belongs to this order; "" is what belongs to none."""
        if not self.source:
            return True
        try:
            return bool(order_id) and self.order(order_id).source == self.source
        except NotFound:
            return False


async def authorised(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_scheme)] = None
) -> Access:
    """Return the access of a request; raises NotAllowed when the bearer's role may not do this, InvalidDocument for
    parameters that the call does not have."""
    bearer = getattr(request.state, "bearer", None)
    if not isinstance(bearer, Bearer):
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    route = request.scope["route"]
    if bearer.role not in ROLES.get((request.method, route.path), frozenset()):
        raise NotAllowed(f"a token of the role {bearer.role} may not do this")
    _refuse_parameters(request, route)
    actor = Actor(f"token {bearer.name}", peer_address(request.scope))
    return Access(request.app.state.services, bearer, actor)


def _refuse_parameters(request: Request, route: APIRoute) -> None:
    """Raise InvalidDocument for parameters of a call that has none; a list refuses those that it does not know."""
    if request.query_params and not route.dependant.query_params:
        raise InvalidDocument([InvalidValue(NO_PARAMETER, name) for name in request.query_params])


Authorised = Annotated[Access, Depends(authorised)]
