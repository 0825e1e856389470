import pytest
from django.core.exceptions import ImproperlyConfigured

from config.networks import host_names, networks


def test_what_is_named_is_read() -> None:
    assert networks("X", [" 10.0.0.7", "10.1.0.0/16", "::1"]) == ["10.0.0.7", "10.1.0.0/16", "::1"]
    assert host_names("X", [" ERP.intern.example ", "*.svc.example", "10.0.0.7"]) == [
        "erp.intern.example",
        "*.svc.example",
        "10.0.0.7",
    ]


@pytest.mark.parametrize("name", ["", "proxy.example", "10.0.0.0/33"])
def test_what_is_no_network(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="PROXIES is a list"):
        networks("PROXIES", ["10.0.0.7", name])


@pytest.mark.parametrize("name", ["", "https://a.example", "a@b.example", "a b"])
def test_what_is_no_host(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="HOSTS is a list"):
        host_names("HOSTS", ["a.example", name])
