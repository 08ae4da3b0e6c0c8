import os
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time

import certifi
import pytest

import pingpp_client
from pingpp_client import sdk, transport
from tests.support.scripted_provider import (  # noqa: F401 (the fixture)
    MERCHANT_KEY,
    Request,
    answer,
    drip,
    public_pem,
    reset,
    scripted_provider,
    silence,
)

# Of 127.0.0.1, by itself, until 2126.
CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgL+C9UYNdBi9maw4Y
MiXtpUK3e/ackJrL5HgR2e9gCP+hRANCAAQ6Y3df6tQSJOYwk04pQ9cUTSCfHsy3
I9B23Ep8Br+r7g3zmZocYyjtnWkc+Ddjud293JfUcBrj53/GdWZZidAc
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBoTCCAUagAwIBAgIULCo3exXc3TGzNHtRMfPFhVgKHs8wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMzE5MjUwM1oYDzIxMjYxMDMw
MTkyNTAzWjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQ6Y3df6tQSJOYwk04pQ9cUTSCfHsy3I9B23Ep8Br+r7g3zmZocYyjt
nWkc+Ddjud293JfUcBrj53/GdWZZidAco3QwcjAdBgNVHQ4EFgQUFRrl6Rj/qVFC
JVB/Vg6OsCk/Aq4wHwYDVR0jBBgwFoAUFRrl6Rj/qVFCJVB/Vg6OsCk/Aq4wDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMA4GA1UdDwEB/wQEAwIChDAK
BggqhkjOPQQDAgNJADBGAiEA/W63x3QFwyOEPE1z0CfrKfyGRmag67EgP5ROKHDO
iVkCIQCtMQZJiY9dX+GCj7ctuWuiICzq5HAhWB2Vn2deB6LU4Q==
-----END CERTIFICATE-----
"""
STATUS_LINE = b"HTTP/1.1 200 OK\r\n"
HEADERS = STATUS_LINE + b"Content-Length: 400\r\n\r\n"
NO_REQUEST = Request("", "", {}, b"")


def retrieve():
    return pingpp_client.retrieve_charge("ch_1")


def failed_call():
    with pytest.raises(pingpp_client.ProviderUnavailable) as caught:
        retrieve()
    return caught.value.kind, caught.value.sent


def wait_for_workers_to_end():
    for worker in [one for one in threading.enumerate() if one.name == "pingpp"]:
        worker.join(1)
        assert not worker.is_alive()


@pytest.fixture
def charge_answered(provider):
    provider.script = answer(200, {"id": "ch_1"})
    return provider


@pytest.mark.parametrize(
    "script",
    [
        drip(b"", b"H" * 400),
        drip(b"", STATUS_LINE + b"X: 1\r\n" * 80),
        drip(STATUS_LINE, b"X-Long: " + b"x" * 400),
        drip(STATUS_LINE, b"X: 1\r\n" * 80),
        drip(HEADERS, b" " * 400),
        drip(STATUS_LINE + b"\r\n", b" " * 400),
        drip(STATUS_LINE + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 80),
        silence,
    ],
    ids=["status", "status+", "header", "headers", "body", "endless body", "chunks", "silence"],
)
def test_a_call_is_over_by_the_deadline_whatever_drips(provider, settings, script):
    settings.PINGPP_DEADLINE = 0.25
    provider.script = script
    started = time.monotonic()

    outcome = failed_call()

    assert time.monotonic() - started < 0.6
    assert outcome == ("deadline", True)
    wait_for_workers_to_end()


def test_a_handshake_that_drips_is_over_by_the_deadline(provider, settings):
    settings.PINGPP_DEADLINE = 0.25
    settings.PINGPP_API_BASE = f"https://{provider.address}"
    record = b"\x16\x03\x03\x40\x00" + bytes(400)
    provider.before_request = lambda wire: drip(b"", record)(wire, NO_REQUEST)

    assert failed_call() == ("deadline", False)

    wait_for_workers_to_end()


def test_a_name_server_that_is_silent_past_the_deadline_means_not_sent(
    charge_answered, settings, monkeypatch
):
    settings.PINGPP_DEADLINE = 0.3
    port = charge_answered.server_address[1]
    settings.PINGPP_API_BASE = f"http://localhost:{port}"
    look_up = socket.getaddrinfo

    def slow_look_up(*arguments, **options):
        time.sleep(0.6)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow_look_up)

    assert failed_call() == ("deadline", False)

    wait_for_workers_to_end()
    assert charge_answered.requests == []


def test_silence_past_the_read_timeout_leaves_it_open(provider, settings):
    settings.PINGPP_READ_TIMEOUT = 0.1
    provider.script = silence

    assert failed_call() == ("timeout", True)


def test_a_refused_connection_means_not_sent(provider, settings):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.PINGPP_API_BASE = f"http://127.0.0.1:{unused.getsockname()[1]}"

        assert failed_call() == ("connection", False)


@pytest.mark.parametrize(
    "script",
    [
        reset,
        lambda _wire, _request: None,
        lambda wire, _request: wire.sendall(HEADERS + b'{"id": "ch_1"}'),
        lambda wire, _request: wire.sendall(b"garbage\r\n\r\n"),
    ],
    ids=["reset", "closed", "cut short", "not HTTP"],
)
def test_a_connection_lost_after_the_request_leaves_it_open(provider, script):
    provider.script = script

    assert failed_call() == ("connection", True)
    assert len(provider.requests) == 1


def test_an_answer_without_end_is_not_kept(provider):
    def script(wire, _request):
        wire.sendall(STATUS_LINE + b"\r\n")
        for _ in range(transport.MAX_ANSWER_BYTES // 65536 + 1):
            wire.sendall(bytes(65536))

    provider.script = script

    assert failed_call() == ("connection", True)


def test_a_freed_place_can_be_used_again_after_many_deadlines(provider, settings):
    settings.PINGPP_DEADLINE = 0.1
    settings.PINGPP_MAX_CONCURRENT = 1
    provider.script = silence

    assert [failed_call() for _ in range(4)] == [("deadline", True)] * 4


@pytest.fixture
def tls_provider(charge_answered, settings, tmp_path):
    path = tmp_path / "certificate.pem"
    path.write_text(CERTIFICATE)
    charge_answered.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    charge_answered.tls.load_cert_chain(path)
    settings.PINGPP_API_BASE = f"https://{charge_answered.address}"
    return charge_answered, path


def test_todays_certificates_decide_whom_to_trust(tls_provider, monkeypatch):
    provider, path = tls_provider
    monkeypatch.setattr(certifi, "where", lambda: str(path))
    sdk.reset()

    assert retrieve() == {"id": "ch_1"}
    assert len(provider.requests) == 1


def test_an_unknown_certificate_means_not_sent(tls_provider, monkeypatch):
    provider, path = tls_provider
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))

    assert failed_call() == ("tls", False)
    assert provider.requests == []
    assert sdk.pingpp.ca_bundle == certifi.where()


def test_netrc_does_not_replace_the_key(charge_answered, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))

    retrieve()

    assert charge_answered.requests[0].headers["authorization"] == "Bearer sk_test_key"


def test_a_loopback_provider_is_not_reached_through_a_proxy(charge_answered, monkeypatch):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert retrieve() == {"id": "ch_1"}


def test_another_provider_is_reached_through_the_proxy(charge_answered, settings, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://{charge_answered.address}")
    settings.PINGPP_API_BASE = "http://provider.invalid"

    assert retrieve() == {"id": "ch_1"}
    assert charge_answered.requests[0].path == "http://provider.invalid/v1/charges/ch_1"


def test_a_socks_proxy_is_refused(provider, settings, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:9")
    settings.PINGPP_API_BASE = "http://provider.invalid"

    _kind, sent = failed_call()

    assert sent is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"PINGPP_API_KEY": ""},
        {"PINGPP_APP_ID": ""},
        {"PINGPP_PRIVATE_KEY": "", "PINGPP_PRIVATE_KEY_PATH": ""},
        {"PINGPP_PRIVATE_KEY": "", "PINGPP_PRIVATE_KEY_PATH": "/nowhere/key.pem"},
        {"PINGPP_PRIVATE_KEY": "garbage"},
        {"PINGPP_PRIVATE_KEY": public_pem(MERCHANT_KEY)},
        {"PINGPP_PUBLIC_KEY": "garbage"},
        {"PINGPP_LIVEMODE": True},
        {"PINGPP_API_BASE": "127.0.0.1:1"},
        {"PINGPP_API_BASE": "http://127.0.0.1:1/prefix"},
        {"PINGPP_DEADLINE": 0},
        {"PINGPP_READ_TIMEOUT": None},
        {"PINGPP_MAX_CONCURRENT": 0},
        {
            "PINGPP_API_BASE": "http://provider.invalid",
            "PINGPP_API_KEY": "sk_live_key",
            "PINGPP_LIVEMODE": True,
        },
    ],
    ids=lambda wrong: " ".join(wrong),
)
def test_nothing_is_sent_with_settings_that_are_wrong(charge_answered, settings, wrong):
    right = {name: getattr(settings, name) for name in wrong if hasattr(settings, name)}
    for name, value in wrong.items():
        setattr(settings, name, value)

    assert failed_call() == ("configuration", False)

    assert charge_answered.requests == []
    for name, value in right.items():
        setattr(settings, name, value)
    assert retrieve() == {"id": "ch_1"}


def test_nothing_is_sent_unsigned_if_the_sdk_loses_its_key(charge_answered, monkeypatch):
    retrieve()
    monkeypatch.setattr(sdk.pingpp, "private_key", None)

    assert failed_call() == ("configuration", False)
    assert len(charge_answered.requests) == 1


def test_the_key_may_be_one_line_or_a_file(charge_answered, settings, tmp_path):
    pem = MERCHANT_KEY.export_key().decode()
    settings.PINGPP_PRIVATE_KEY = pem.replace("\n", "\\n")
    retrieve()

    path = tmp_path / "key.pem"
    path.write_text(pem)
    settings.PINGPP_PRIVATE_KEY, settings.PINGPP_PRIVATE_KEY_PATH = "", str(path)
    retrieve()

    assert len(charge_answered.requests) == 2
    assert all(request.is_signed_by(MERCHANT_KEY) for request in charge_answered.requests)


def test_bodies_are_not_printed_even_if_the_environment_asks(charge_answered, capfd, monkeypatch):
    monkeypatch.setattr(sdk.pingpp.util, "PINGPP_LOG", "debug")
    sdk.reset()

    retrieve()

    assert "ch_1" not in capfd.readouterr().err


def run_python(code, *arguments):
    return subprocess.run(
        [sys.executable, *arguments, "-c", textwrap.dedent(code), sdk.__file__],
        capture_output=True,
        text=True,
        timeout=10,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


LOAD = """
    import importlib.util, sys
    spec = importlib.util.spec_from_file_location("pingpp_sdk", sys.argv[1])
    pingpp_sdk = sys.modules["pingpp_sdk"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pingpp_sdk)
"""


def test_the_sdk_is_imported_without_a_warning():
    result = run_python(LOAD + "    print(pingpp_sdk.pingpp.Charge.__name__)\n", "-W", "error")

    assert (result.stdout, result.stderr) == ("Charge\n", "")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="plain pingpp can be imported up to 3.11")
def test_the_sdk_is_imported_where_it_cannot_import_itself():
    assert "ImportError" in run_python("import pingpp").stderr.replace("ModuleNotFound", "Import")

    code = "    try:\n        import pingpp\n    except ImportError:\n        pass\n"
    result = run_python(code + LOAD + "    print(pingpp_sdk.pingpp.Charge.__name__)\n")

    assert result.stdout == "Charge\n"


def test_a_stuck_call_does_not_keep_the_process(provider):
    code = f"""
    from django.conf import settings
    settings.configure(
        PINGPP_API_BASE="http://{provider.address}", PINGPP_API_KEY="sk_test_key",
        PINGPP_APP_ID="app_1", PINGPP_DEADLINE=0.1,
        PINGPP_PRIVATE_KEY={MERCHANT_KEY.export_key().decode()!r})
    import socket, time
    socket.getaddrinfo = lambda *arguments, **options: time.sleep(60)
    from pingpp_client import transport
    print(transport.exchange("get", "/v1/charges/ch_1", {{}}).failure)
    """

    result = run_python(code)

    assert (result.stdout, result.stderr) == ("deadline\n", "")
