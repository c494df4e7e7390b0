"""Under which of its addresses this machine is reached from another one. Nothing is sent to find out."""

import socket
from collections.abc import Iterable
from ipaddress import ip_address

_ANYWHERE = "192.0.2.1"  # RFC 5737: nobody's, so the way there is the default route
_PORT = 9


def own_address(towards: Iterable[str]) -> str:
    """Return this machine's address on the way to the first of these addresses that has one, else on the default
    route; "" for a machine without a network. What is no address, such as a host name, is passed over."""
    for address in (*towards, _ANYWHERE):
        if found := _on_the_way_to(address):
            return found
    return ""


def _on_the_way_to(address: str) -> str:
    try:
        family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as way:
            way.connect((address, _PORT))  # a datagram socket that connects only looks up the route
            return str(way.getsockname()[0])
    except (ValueError, OSError):
        return ""
