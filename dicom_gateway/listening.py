"""Listening sockets: bound once, by whoever starts first, and inherited by the role that serves them."""

import socket
from collections.abc import Iterable

from dicom_gateway.errors import SettingsError
from dicom_gateway.settings import Listener

BACKLOG = 1024  # a connection beyond it waits seconds for its next try


def bind(listener: Listener) -> socket.socket:
    """Return a listening socket; raises SettingsError that names the setting when the address cannot be taken."""
    try:
        found = socket.getaddrinfo(listener.host, listener.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        bound = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        section, name = listener.port_setting if "in use" in str(error) else listener.host_setting
        raise SettingsError(
            f"{section}.{name}: cannot listen on {listener.host}:{listener.port}: {error.strerror or error}; "
            f"end the program that uses it or choose another port"
        ) from error
    return bound


def bind_all(listeners: Iterable[Listener]) -> dict[str, socket.socket]:
    """Return a listening socket for each listener, by name; all or none."""
    bound: dict[str, socket.socket] = {}
    try:
        for listener in listeners:
            bound[listener.name] = bind(listener)
    except SettingsError:
        for opened in bound.values():
            opened.close()
        raise
    return bound


def inherited(descriptors: Iterable[str]) -> dict[str, socket.socket]:
    """Return the sockets of `name=descriptor` arguments."""
    pairs = (argument.split("=", 1) for argument in descriptors)
    return {name: socket.socket(fileno=int(descriptor)) for name, descriptor in pairs}


def port_of(listening: socket.socket) -> int:
    """Return the port that a socket listens on."""
    return int(listening.getsockname()[1])
