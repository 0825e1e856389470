import ssl
from ipaddress import ip_address

import pytest

from accounts.egress import NoSuchHost, addresses_of, inner, is_nobodys, is_public, tls_context


def test_a_name_is_looked_up_once_and_each_address_stands_once() -> None:
    assert addresses_of("127.0.0.1", 80) == [ip_address("127.0.0.1")]
    assert addresses_of("::1", 80) == [ip_address("::1")]
    with pytest.raises(NoSuchHost):
        addresses_of("nowhere.invalid", 80)
    with pytest.raises(NoSuchHost):
        addresses_of("a" * 64 + ".example", 80)  # no name at all


@pytest.mark.parametrize(
    ("address", "public", "nobodys"),
    [
        ("93.184.215.14", True, False),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True, False),
        ("10.1.2.3", False, False),
        ("192.0.0.9", False, False),
        ("240.0.0.1", False, False),
        ("64:ff9b:1::a01:203", False, False),
        ("127.0.0.1", False, False),
        ("fd00::1", False, False),
        ("169.254.169.254", False, True),
        ("100.100.100.200", False, True),
        ("192.0.0.192", False, True),
        ("fe80::1", False, True),
        ("fd00:ec2::254", False, True),
        ("::ffff:169.254.169.254", False, True),
        ("64:ff9b::a9fe:a9fe", False, True),
        ("2002:a9fe:a9fe::", False, True),
        ("224.0.0.1", False, True),
        ("ff02::1", False, True),
        ("::", False, True),
    ],
)
def test_where_an_address_is(address: str, public: bool, nobodys: bool) -> None:
    assert is_public(ip_address(address)) == public
    assert is_nobodys(ip_address(address)) == nobodys


def test_the_address_behind_an_address() -> None:
    for address in ("::ffff:1.2.3.4", "64:ff9b::102:304", "2002:102:304::"):
        assert inner(ip_address(address)) == ip_address("1.2.3.4")


def test_certificates_are_checked() -> None:
    context = tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
