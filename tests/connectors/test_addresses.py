"""Which address may be called by which scheme, without a socket: what is refused, and its harmless neighbour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_gateway.connectors.http_transport import Kind, kind_of, refusal

HTTP_AND_HTTPS, HTTPS_ONLY, NEITHER = (None, None), ("use https", None), ("refused", "refused")


@pytest.mark.parametrize(
    ("address", "kind", "verdict"),
    [
        ("127.0.0.1", Kind.LOOPBACK, HTTP_AND_HTTPS),
        ("127.255.255.254", Kind.LOOPBACK, HTTP_AND_HTTPS),
        ("::1", Kind.LOOPBACK, HTTP_AND_HTTPS),
        ("10.1.2.3", Kind.PRIVATE, HTTP_AND_HTTPS),
        ("172.16.0.1", Kind.PRIVATE, HTTP_AND_HTTPS),
        ("172.31.255.255", Kind.PRIVATE, HTTP_AND_HTTPS),
        ("192.168.178.20", Kind.PRIVATE, HTTP_AND_HTTPS),
        ("fd12:3456::1", Kind.PRIVATE, HTTP_AND_HTTPS),
        ("172.15.255.255", Kind.PUBLIC, HTTPS_ONLY),
        ("172.32.0.1", Kind.PUBLIC, HTTPS_ONLY),
        ("192.169.0.1", Kind.PUBLIC, HTTPS_ONLY),
        ("8.8.8.8", Kind.PUBLIC, HTTPS_ONLY),
        ("100.64.0.1", Kind.PUBLIC, HTTPS_ONLY),
        ("169.253.255.255", Kind.PUBLIC, HTTPS_ONLY),
        ("169.255.0.0", Kind.PUBLIC, HTTPS_ONLY),
        ("223.255.255.255", Kind.PUBLIC, HTTPS_ONLY),
        ("2606:4700::1111", Kind.PUBLIC, HTTPS_ONLY),
        ("169.254.169.254", Kind.LINK_LOCAL, NEITHER),
        ("169.254.0.0", Kind.LINK_LOCAL, NEITHER),
        ("169.254.255.255", Kind.LINK_LOCAL, NEITHER),
        ("fe80::1", Kind.LINK_LOCAL, NEITHER),
        ("fe80::a9fe:a9fe%eth0", Kind.LINK_LOCAL, NEITHER),
        ("febf::1", Kind.LINK_LOCAL, NEITHER),
        ("fd00:ec2::254", Kind.METADATA, NEITHER),
        ("fd20:ce::254", Kind.METADATA, NEITHER),
        ("fd20:ce::255", Kind.PRIVATE, HTTP_AND_HTTPS),
        ("100.100.100.200", Kind.METADATA, NEITHER),
        ("168.63.129.16", Kind.METADATA, NEITHER),
        ("192.0.0.192", Kind.RESERVED, NEITHER),
        ("0.0.0.0", Kind.UNSPECIFIED, NEITHER),
        ("0.1.2.3", Kind.UNSPECIFIED, NEITHER),
        ("::", Kind.UNSPECIFIED, NEITHER),
        ("224.0.0.1", Kind.MULTICAST, NEITHER),
        ("ff02::1", Kind.MULTICAST, NEITHER),
        ("240.0.0.1", Kind.RESERVED, NEITHER),
        ("255.255.255.255", Kind.RESERVED, NEITHER),
        ("fec0::1", Kind.RESERVED, NEITHER),
        ("2001:0:4136:e378::1", Kind.RESERVED, NEITHER),
        ("::127.0.0.1", Kind.RESERVED, NEITHER),
        ("100::1", Kind.RESERVED, NEITHER),
        ("::ffff:127.0.0.1", Kind.LOOPBACK, HTTP_AND_HTTPS),
        ("::ffff:10.0.0.1", Kind.PRIVATE, HTTP_AND_HTTPS),
        ("::ffff:8.8.8.8", Kind.PUBLIC, HTTPS_ONLY),
        ("::ffff:169.254.169.254", Kind.LINK_LOCAL, NEITHER),
        ("::ffff:0.0.0.0", Kind.UNSPECIFIED, NEITHER),
        ("64:ff9b::8.8.8.8", Kind.PUBLIC, HTTPS_ONLY),
        ("64:ff9b::169.254.169.254", Kind.LINK_LOCAL, NEITHER),
        ("2002:a9fe:a9fe::1", Kind.LINK_LOCAL, NEITHER),
        ("2002:808:808::1", Kind.PUBLIC, HTTPS_ONLY),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_addresses(address: str, kind: Kind, verdict: tuple[str | None, str | None]) -> None:
    assert kind_of(address) is kind
    for scheme, expected in zip(("http", "https"), verdict, strict=True):
        found = refusal(address, scheme)
        assert (found is None) == (expected is None)
        assert expected is None or (found is not None and expected in found and address in found)


@pytest.mark.parametrize("address", ["", "localhost", "127.1", "0x7f000001", "2130706433", "1.2.3.4:80", "[::1]"])
def test_what_is_no_address_is_refused(address: str) -> None:
    assert refusal(address, "https") == f"refused: {address!r} is no address"


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_what_its_ipv4_address_is(address) -> None:
    assert kind_of(f"::ffff:{address}") is kind_of(str(address))
    assert kind_of(f"64:ff9b::{address}") is kind_of(str(address))


@given(st.ip_addresses())
def test_http_never_goes_where_https_may_not(address) -> None:
    if refusal(str(address), "http") is None:
        assert refusal(str(address), "https") is None
        assert address.is_private or address.is_loopback or address.version == 6
