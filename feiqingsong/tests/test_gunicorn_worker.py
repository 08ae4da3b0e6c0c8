"""What gunicorn itself refuses, before Django sees it: JSON, and not a word of it in the log."""

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.processes import START_SECONDS, Process, free_port, wait_until

SECRET = "blood-in-sputum"
APPLICATION = "feiqingsong.tests.test_gunicorn_worker:application"


def application(environ, start_response):
    """Nothing but bugs: an exception, or a header that no server may send."""
    if environ["PATH_INFO"] == "/header/":
        start_response("200 OK", [("X-Broken", f"a\r\n{SECRET}")])
        return [b""]
    raise RuntimeError(SECRET)


class Server(Process):
    def __init__(self, folder) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"]
        command += ["--bind", f"127.0.0.1:{self.port}", "--workers", "1", APPLICATION]
        super().__init__(command, folder, {"PYTHONPATH": "."})
        wait_until(self.answers, "gunicorn does not start", START_SECONDS)

    def answers(self) -> bool:
        with suppress(OSError):
            return bool(self.send(b"nothing\r\n\r\n"))
        return False

    def send(self, request: bytes) -> bytes:
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), 10) as sock:
            sock.sendall(request)
            while chunk := sock.recv(65536):
                answer += chunk
        return answer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("gunicorn"))
    yield server
    server.end()


HEAD = b"GET /?" + SECRET.encode() + b" HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status", "detail"),
    [
        (SECRET.encode() + b"\r\n\r\n", 400, "请求无法解析"),
        (HEAD + b"X-A: \x01" + SECRET.encode() + b"\r\n\r\n", 400, "请求无法解析"),
        (HEAD + b"Transfer-Encoding: " + SECRET.encode() + b"\r\n\r\n", 400, "请求无法解析"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "网址过长"),
        (HEAD + b"X-A: " + b"a" * 9000 + b"\r\n\r\n", 431, "请求头过大"),
        (HEAD + b"a: b\r\n" * 1500 + b"\r\n", 431, "请求头过大"),
        (HEAD + b"\r\n", 500, "服务器内部错误"),
        (HEAD.replace(b"/?", b"/header/?") + b"\r\n", 500, "服务器内部错误"),
    ],
)
def test_what_gunicorn_answers_itself_is_json(server: Server, request_bytes, status, detail):
    answer = server.send(request_bytes)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nContent-Type: application/json\r\n" in head
    assert body.decode() == f'{{"detail":"{detail}"}}'
    assert SECRET not in server.log.read_text()
