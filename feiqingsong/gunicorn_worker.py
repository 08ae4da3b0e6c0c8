"""gunicorn's threaded worker; its own error answers are JSON, and its log quotes no request."""

import json
import socket
import traceback
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.http import errors as http_errors
from gunicorn.workers.gthread import ThreadWorker

REFUSED, BROKEN = 400, 500
STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (http_errors.InvalidResponseHeader, BROKEN),
    (http_errors.InvalidResponseHeaderName, BROKEN),
    (http_errors.ConfigurationProblem, BROKEN),
    (http_errors.LimitRequestLine, 414),
    (http_errors.LimitRequestHeaders, 431),
    (http_errors.ParseException, REFUSED),
)
DETAILS = {414: "网址过长", 431: "请求头过大", REFUSED: "请求无法解析", BROKEN: "服务器内部错误"}


class Worker(ThreadWorker):
    """What Django never sees (a header with a control character) is answered as it would."""

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        status = next((code for kind, code in STATUSES if isinstance(exc, kind)), BROKEN)
        if status == BROKEN:
            where = "".join(traceback.format_tb(exc.__traceback__))
            self.log.error("unexpected %s\n%s", type(exc).__name__, where)
        else:
            # Without its message, which quotes the header or the query string.
            self.log.warning("refused a request: %s", type(exc).__name__)
        try:
            util.write_nonblock(client, _answer(status))
        except OSError:
            self.log.debug("nobody is left to answer")


def _answer(status: int) -> bytes:
    detail = {"detail": DETAILS[status]}
    body = json.dumps(detail, ensure_ascii=False, separators=(",", ":")).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
