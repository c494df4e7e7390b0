"""Which hosts, networks and URLs a setting may name, and which of them stay inside the practice.

Nothing here resolves a name or opens a connection: an address is judged as written. Private networks are those of
RFC 1918 and RFC 4193; link-local addresses are not among them, because cloud machines serve credentials there.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_PRIVATE = tuple(ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")
_CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f-\xa0]")


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_loopback(host: str) -> bool:
    """Say whether `host` can only be reached from this machine: "localhost", 127.0.0.0/8 or ::1."""
    if host.lower().rstrip(".") == "localhost":
        return True
    address = _address(host)
    return address is not None and any(address in network for network in _LOOPBACK)


def is_private(host: str) -> bool | None:
    """Say whether `host` is loopback or private; None for a name, which only its resolution can tell."""
    if is_loopback(host):
        return True
    address = _address(host)
    return None if address is None else any(address in network for network in _PRIVATE)


def checked_host(value: str) -> str:
    """Return `value` when it is an IP address or a host name; raise ValueError otherwise."""
    if _address(value) is not None:
        return value
    looks_numeric = re.fullmatch(r"[0-9.]*", value)  # resolvers read "127.1" and "0" as addresses; nobody else does
    if looks_numeric or len(value) > 253 or not _HOST_NAME.fullmatch(value):
        raise ValueError("is neither an IP address nor a host name")
    return value


def checked_network(value: object) -> IPv4Network | IPv6Network:
    """Return the IP network (or single address) that `value` writes; raise ValueError otherwise."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    if not isinstance(value, str):
        raise ValueError("is not text")
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        raise ValueError("is not an IP network") from None
    if "/" in value and network.network_address != ip_address(value.partition("/")[0]):
        raise ValueError(f"is an address inside a network; the network is {network}")
    return network


def checked_url(value: str) -> str:
    """Return `value` when it is an http or https URL without user name and fragment; raise ValueError otherwise."""
    if _CONTROL_OR_SPACE.search(value):
        raise ValueError("holds a space or a control character")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("does not begin with http://HOST or https://HOST")
    if "@" in parts.netloc:
        raise ValueError("holds a user name or a password")
    if "#" in value:
        raise ValueError("holds a fragment (#...)")
    if port == 0:
        raise ValueError("names port 0")
    checked_host(parts.hostname)
    return value


def checked_target(value: str) -> str:
    """Return `value` when it is a URL to send results to: https anywhere, http to loopback and private addresses.

    A host name passes here; its addresses are judged when something is sent. Raises ValueError.
    """
    parts = urlsplit(checked_url(value))
    if parts.scheme == "http" and is_private(parts.hostname or "") is False:
        raise ValueError("would send patient data unencrypted beyond private networks")
    return value
