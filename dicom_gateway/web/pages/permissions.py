"""Who may do what on the page: one table of method and path. A route that is not in it is refused."""

from dicom_gateway.core.users import UserRole

FRONT_DESK, TECHNICIAN, CLINICIAN, ADMINISTRATOR = UserRole
EVERYONE = frozenset(UserRole)
CLINICAL = frozenset({TECHNICIAN, CLINICIAN, ADMINISTRATOR})
TECHNICAL = frozenset({TECHNICIAN, ADMINISTRATOR})
DESK = frozenset({FRONT_DESK, TECHNICIAN, ADMINISTRATOR})
ADMINISTRATION = frozenset({ADMINISTRATOR})

PAGES: dict[tuple[str, str], frozenset[UserRole]] = {
    ("GET", "/"): EVERYONE,
    ("GET", "/live"): EVERYONE,
    ("GET", "/badges"): EVERYONE,
    ("POST", "/logout"): EVERYONE,
    # today and orders
    ("GET", "/today"): EVERYONE,
    ("GET", "/today/board"): EVERYONE,
    ("GET", "/orders"): EVERYONE,
    ("GET", "/orders/new"): EVERYONE,
    ("POST", "/orders/new"): EVERYONE,
    ("GET", "/orders/patients"): EVERYONE,
    ("GET", "/orders/{id}/change"): EVERYONE,
    ("POST", "/orders/{id}/change"): EVERYONE,
    ("GET", "/orders/{id}/cancel"): EVERYONE,
    ("POST", "/orders/{id}/cancel"): EVERYONE,
    ("POST", "/orders/{id}/arrived"): EVERYONE,
    # order, messages, deliveries
    # studies and pictures
    # matching
    # connections and wizard
    # devices, audit, health
    # users and account
    ("GET", "/users"): ADMINISTRATION,
    ("GET", "/users/new"): ADMINISTRATION,
    ("POST", "/users/new"): ADMINISTRATION,
    ("GET", "/users/change"): ADMINISTRATION,
    ("POST", "/users/role"): ADMINISTRATION,
    ("POST", "/users/password"): ADMINISTRATION,
    ("POST", "/users/disable"): ADMINISTRATION,
    ("POST", "/users/enable"): ADMINISTRATION,
    ("POST", "/users/log-off"): ADMINISTRATION,
    ("GET", "/account"): EVERYONE,
    ("POST", "/account/appearance"): EVERYONE,
    ("GET", "/account/password"): EVERYONE,
    ("POST", "/account/password"): EVERYONE,
    ("POST", "/account/sessions/end"): EVERYONE,
    ("POST", "/account/sessions/end-others"): EVERYONE,
}


def allowed(role: UserRole, method: str, path: str) -> bool:
    """Say whether a user of this role may do that."""
    return role in PAGES.get((method, path), frozenset())
