"""What passes the proxy, what it refuses and how, and what it writes down."""

import json
import re
import shutil
import ssl
import subprocess

import pytest

from tests.deploy.callers import HOST, ask, call, connect, send_raw
from tests.deploy.conftest import Practice
from tests.deploy.hostile import HOSTILE, LINE
from tests.deploy.servers import SHIPPED, Nginx
from tests.support.provider import Provider

pytestmark = [pytest.mark.slow]

CONFIGURATION = (SHIPPED / "nginx.conf").read_text()
PAY = "/qaorder/order/pay/{}/"
WEBHOOK = "/qaorder/pingpp/webhook/"
UPLOAD = "/qaorder/file/upload/"
KIB = 1024
CURL = shutil.which("curl")


def test_the_configuration_is_sound(nginx: Nginx):
    assert "syntax is ok" in nginx.test.stderr
    assert "[warn]" not in nginx.test.stderr.replace("worker_connections exceed", "")


# Sizes


@pytest.mark.parametrize(
    ("path", "size", "expected"),
    [
        ("/accounts/login/", 256 * KIB + 1, 413),
        ("/qaorder/pingpp/webhook/more/", 300 * KIB, 413),
        (WEBHOOK, 900 * KIB, 400),
        (WEBHOOK, 1024 * KIB + 1, 413),
        (UPLOAD, 11 * 1024 * KIB + 1, 413),
    ],
)
def test_a_body_is_as_large_as_its_url_allows(practice: Practice, path, size, expected):
    answer = practice.call("POST", path, b"1" * size)

    assert answer.status == expected
    assert answer.detail == ("请求体过大" if expected == 413 else "签名无效")


def test_a_body_too_large_is_refused_before_it_is_sent(nginx: Nginx):
    with connect(nginx.port) as sock:
        answer = ask(sock, "POST", "/accounts/login/", Content_Length=str(300 * KIB))

    assert (answer.status, answer.detail) == (413, "请求体过大")


def test_an_upload_of_ten_megabytes_reaches_the_service(practice: Practice):
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    body = part + b"1" * (10 * 1024 * KIB) + b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}

    answer = practice.call("POST", UPLOAD, body, headers=headers)

    # As yet it has nothing at this URL, and refuses in words of its own.
    assert "Referrer-Policy" in answer.headers
    assert answer.json


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(
    ("request_line", "header", "expected", "detail"),
    [
        ("/" + "a" * 5000, "", 414, "网址过长"),
        ("/", "X-Large: " + "a" * 5000, 431, "请求头过大"),
        ("/", "\r\n".join(f"X-{n}: {'a' * 1000}" for n in range(30)), 431, "请求头过大"),
    ],
)
def test_a_header_has_its_size_too(nginx: Nginx, tls, request_line, header, expected, detail):
    port = nginx.port if tls else nginx.plain_port
    request = f"GET {request_line} HTTP/1.1\r\nHost: {HOST}\r\n{header}\r\n\r\n"

    answer = send_raw(connect(port, tls=tls), request.encode())

    assert answer.startswith(f"HTTP/1.1 {expected} ".encode())
    assert answer.endswith(
        json.dumps({"detail": detail}, ensure_ascii=False, separators=(",", ":")).encode()
    )


# Names and schemes


def test_another_name_gets_nothing_of_the_service(nginx: Nginx):
    with pytest.raises(ssl.SSLError):
        connect(nginx.port, name="another.test")

    wrong = call(nginx.port, "GET", "/docs/", headers={"Host": "another.test"})
    plain = ask(connect(nginx.plain_port, tls=False), "GET", "/admin/", Host="another.test")

    for answer in (wrong, plain):
        assert (answer.status, answer.detail) == (421, "主机名不属于本服务")


@pytest.mark.parametrize("path", ["/", "/admin/", "/admin/qaorder/order/?status=1", "/docs/"])
def test_a_page_is_redirected_to_https(nginx: Nginx, path):
    answer = ask(connect(nginx.plain_port, tls=False), "GET", path)

    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{HOST}{path}"


@pytest.mark.parametrize(
    "path", ["/qaorder/order/create/", "/accounts/login/", WEBHOOK, "/schema/", "/adminother/"]
)
def test_the_api_without_tls_is_refused_and_not_redirected(nginx: Nginx, path):
    answer = ask(connect(nginx.plain_port, tls=False), "POST", path, b"{}")

    assert (answer.status, answer.detail) == (403, "请使用 HTTPS")
    assert "Location" not in answer.headers


def test_the_certificate_can_be_renewed(nginx: Nginx):
    folder = nginx.folder / "www" / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token").write_text("proof")

    answer = ask(connect(nginx.plain_port, tls=False), "GET", "/.well-known/acme-challenge/token")

    assert (answer.status, answer.raw) == (200, b"proof")


# What the service believes


@pytest.mark.parametrize(
    "forged",
    [
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 203.0.113.8",
        "X-Forwarded-For: 203.0.113.9, ",
        "x_forwarded_for: 203.0.113.9",
        "X-Real-IP: 203.0.113.9\r\nForwarded: for=203.0.113.9",
        "Connection: close, X-Forwarded-For",
        "Connection: close, X-Forwarded-Proto\r\nX-Forwarded-Proto: http",
        "X-Forwarded-Proto: http\r\nX_Forwarded_Proto: http\r\nX-Forwarded-Ssl: off",
        "X-Forwarded-Host: another.test\r\nX-Forwarded-Port: 80",
        "SCRIPT_NAME: /admin\r\nScript-Name: /admin",
    ],
)
def test_nobody_can_forge_where_a_request_comes_from(
    practice: Practice, provider: Provider, forged
):
    number = practice.place_order().json["order_number"]
    body = b'{"channel":"alipay"}'
    request = (
        f"PATCH {PAY.format(number)} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n"
        f"Authorization: Token {practice.token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{forged}\r\n\r\n"
    )

    answer = send_raw(connect(practice.port, "127.0.0.21"), request.encode() + body)

    head, _, content = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    assert json.loads(content)["charge"]["client_ip"] == "127.0.0.21"
    assert len(provider.charges()) == 1


def test_links_name_the_public_address(practice: Practice):
    for _ in range(2):
        practice.place_order()

    answer = practice.call("GET", "/qaorder/order/patient/list/?page_size=1")

    assert answer.json["next"].startswith(f"https://{HOST}/qaorder/")


# Errors


def test_every_error_of_the_proxy_has_its_words():
    listed = re.findall(r"error_page ([^/]*)/_problem;", CONFIGURATION)
    shown = {code.lstrip("=") for codes in listed for code in re.findall(r"=?\d+", codes)} - {
        "494",
        "497",
    }
    words = dict(re.findall(r"^ *(\d{3}) '(.*)';$", CONFIGURATION, re.MULTILINE))

    assert set(words) <= shown
    for code, text in words.items():
        detail = json.loads(text)["detail"]
        assert detail == "Not found." if code == "404" else re.search("[一-鿿]", detail), code


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("request_text", HOSTILE.values(), ids=HOSTILE)
def test_no_request_whatever_is_answered_in_html(nginx: Nginx, tls, request_text):
    port = nginx.port if tls else nginx.plain_port
    request = request_text.encode("latin-1").replace(
        LINE.encode(), LINE.encode() + b"Connection: close\r\n"
    )

    answer = send_raw(connect(port, tls=tls), request)

    head, _, body = answer.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/"):
        assert b"\r\nContent-Type: application/json" in head, answer
    assert b"<" not in body, answer


@pytest.mark.skipif(CURL is None, reason="needs nginx, and curl for HTTP/2")
@pytest.mark.parametrize(
    ("options", "path", "status", "detail"),
    [
        (["--data-binary", "@-"], "/accounts/login/", "413", "请求体过大"),
        (["-H", "Host: another.test"], "/", "421", "主机名不属于本服务"),
        (["-X", "TRACE"], "/", "405", "不支持的请求方法"),
        ([], "/none/", "404", "Not found."),
    ],
)
def test_errors_over_http_2_are_the_same(nginx: Nginx, options, path, status, detail):
    url = f"https://{HOST}:{nginx.port}{path}"
    command = [str(CURL), "-sk", "--http2", "-m", "10", "-w", " %{http_version} %{http_code}"]
    command += ["--resolve", f"{HOST}:{nginx.port}:127.0.0.1", *options, url]

    shown = subprocess.run(command, input=b"1" * 300 * KIB, capture_output=True).stdout.decode()

    assert shown == f'{{"detail":"{detail}"}} 2 {status}'


def test_a_request_for_tls_without_tls_is_answered_in_json(nginx: Nginx):
    answer = ask(connect(nginx.port, tls=False), "GET", "/")

    assert (answer.status, answer.detail) == (400, "请求无法解析")


def test_what_is_unknown_is_answered_by_the_service(practice: Practice):
    answer = practice.call("GET", "/qaorder/none/")

    assert (answer.status, answer.detail) == (404, "Not found.")


# Answers and what is kept of them


@pytest.mark.parametrize(
    ("path", "expected"), [("/qaorder/order/patient/list/", "gzip"), ("/admin/login/", None)]
)
def test_large_answers_of_the_api_are_compressed_and_pages_are_not(
    practice: Practice, path, expected
):
    for _ in range(5):
        practice.place_order()

    answer = practice.call("GET", path, headers={"Accept-Encoding": "gzip"})

    assert answer.status == 200
    assert answer.headers["Content-Encoding"] == expected


def test_the_log_holds_paths_and_nothing_that_is_secret(nginx: Nginx, practice: Practice):
    secret = "blood-in-sputum"
    path = "/accounts/doctors/"
    headers = {"Cookie": f"sessionid={secret}", "Referer": f"https://{HOST}/?{secret}"}

    answers = [
        practice.call("GET", f"{path}?search={secret}", headers=headers),
        practice.call("GET", f"/none/?{secret}"),
        practice.call("POST", f"{path}?{secret}", b"1" * 300 * KIB),
        ask(connect(nginx.plain_port, tls=False), "GET", f"{path}?{secret}"),
    ]
    send_raw(connect(nginx.port), f"GET /{'a' * 10}?{secret} HTTP/9\r\n\r\n".encode())

    assert [answer.status for answer in answers] == [200, 404, 413, 403]
    words = nginx.words()
    assert f" 127.0.0.1 GET {path} 200 " in words
    assert secret not in words
    assert practice.token not in words


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("app-12345678", True), ("short", False), ("with blank and more", False), ("a" * 65, False)],
)
def test_a_request_keeps_its_name_or_gets_one(nginx: Nginx, practice: Practice, sent, kept):
    practice.call("GET", "/accounts/me/", headers={"X-Request-Id": sent})

    last = (nginx.folder / "access.log").read_text().splitlines()[-1].split()[-1]
    assert (last == sent) is kept
    assert len(last) >= 8
