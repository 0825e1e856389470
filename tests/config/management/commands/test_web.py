"""`manage.py web`: options that fit together, and the real application on both servers."""

import socket
import ssl
import urllib.request
from pathlib import Path

import pytest
import trustme
from django.core.management import CommandError, call_command

from tests.children import Children

SERVERS = ("daphne", "uvicorn")


@pytest.mark.parametrize(
    "options",
    [
        ["--tls-port", "0"],
        ["--tls-port", "0", "--tls-cert", "chain.pem"],
        ["--tls-cert", "chain.pem", "--tls-key", "key.pem"],
    ],
)
def test_tls_options_go_together(options: list[str]) -> None:
    with pytest.raises(CommandError, match="give all or none"):
        call_command("web", "--port", "0", *options)


def test_a_busy_port_is_one_line(spawn: Children) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        child = spawn("web", "--port", str(port))
        assert child.wait() == 1

    assert f"CommandError: Port {port} of 127.0.0.1 cannot be used: " in child.output
    assert "Traceback" not in child.output


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.usefixtures("transactional_db")
def test_it_serves_both_endpoints_until_sigterm(
    spawn: Children, server: str, tmp_path: Path
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    files = ["--tls-cert", str(tmp_path / "both.pem"), "--tls-key", str(tmp_path / "both.pem")]
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    child = spawn("web", "--server", server, "--port", "0", "--tls-port", "0", *files)
    plain, tls = child.wait_for(r"Serving on (http://\S+) and (https://\S+)").groups()

    for url, context in ((plain, None), (tls, trusting)):
        with urllib.request.urlopen(f"{url}/healthz", timeout=10, context=context) as response:  # noqa: S310
            assert response.status == 200

    child.terminate()
    assert child.wait() == 0
