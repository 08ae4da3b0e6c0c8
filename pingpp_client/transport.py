"""One request to the provider through the pingpp SDK, over by a deadline whatever the peer does."""

from __future__ import annotations

import logging
import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection

from pingpp_client.sdk import Configuration, ConfigurationError, configuration, is_loopback, pingpp

REQUEST_SIGNATURE = "Pingplusplus-Signature"
ANSWER_SIGNATURE = "X-Pingplusplus-Signature"
MAX_ANSWER_BYTES = 8 * 1024 * 1024

logger = logging.getLogger("feiqingsong.pingpp")

_over_by: ContextVar[float | None] = ContextVar("over_by", default=None)


class Exchange:
    """One request to the provider and what became of it; it does not change once returned.

    Either `data` is the decoded answer, or `failure` says what went wrong. `sent` is False only if
    certainly nothing was sent. `status`, `body` and `signature` are None without a whole answer.
    """

    def __init__(self) -> None:
        self.sent = False
        self.status: int | None = None
        self.body: bytes | None = None
        self.signature: str | None = None
        self.data: Any = None
        self.failure: str | None = None
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._abandoned = False
        self._wire: socket.socket | None = None

    def wait(self, seconds: float) -> None:
        """Wait for the worker; past the time, cut its connection and let it go."""
        try:
            self._done.wait(max(seconds, 0))
        finally:
            with self._lock:
                if not self._done.is_set():
                    self._abandoned, self.failure = True, "deadline"
                    self._cut()

    def watch(self, connected: socket.socket) -> None:
        """Keep a second handle on the connection, since wrapping it in TLS voids the first."""
        with self._lock:
            self._wire = connected.dup()
            if self._abandoned:
                self._cut()

    def allow_sending(self) -> None:
        """Note that the request is about to be written; refuse if nobody waits for it."""
        with self._lock:
            if self._abandoned:
                raise TimeoutError
            self.sent = True

    def settle(self, client: _Client, data: Any, failure: str | None) -> None:
        """Take over what the worker found, unless the caller has gone."""
        with self._lock:
            if not self._abandoned:
                self.data, self.failure = data, failure
                if client.body is not None:
                    self.status, self.body = client.status, client.body
                    self.signature = client.signature
            if self._wire:
                self._wire.close()
            self._wire = None
            self._done.set()

    def _cut(self) -> None:
        if self._wire:
            with suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)


class _Worker(threading.local):
    exchange: Exchange


_worker = _Worker()


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        _worker.exchange.watch(connected)
        return connected

    def connect(self) -> None:
        super().connect()
        _worker.exchange.allow_sending()


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Adapter(HTTPAdapter):
    """Makes every connection one that its Exchange can cut."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        watched = {HTTPConnection: _Connection, HTTPSConnection: _TLSConnection}
        if pool.ConnectionCls not in watched:
            raise ConfigurationError("a SOCKS proxy cannot be used")
        pool.ConnectionCls = watched[pool.ConnectionCls]
        return pool


class _Client:
    """The HTTP client given to the SDK: one signed request, no redirect, no netrc."""

    name = "requests"

    def __init__(self, config: Configuration) -> None:
        self._config = config
        self.status: int | None = None
        self.body: bytes | None = None
        self.signature: str | None = None

    def request(
        self, method: str, url: str, headers: dict[str, Any], post_data: bytes | None = None
    ) -> tuple[bytes, int, Any]:
        """Send the SDK's request and read the whole answer."""
        if not headers.get(REQUEST_SIGNATURE):
            raise ConfigurationError("the SDK did not sign the request")
        with requests.Session() as session:
            session.trust_env = False  # a netrc entry would replace the Authorization header
            for scheme in ("http://", "https://"):
                session.mount(scheme, _Adapter())
            answer = session.request(
                method,
                url,
                headers=headers,
                data=post_data,
                timeout=self._config.timeout,
                verify=pingpp.ca_bundle,
                proxies=_proxies(url),
                allow_redirects=False,  # a redirected POST would become a GET
                stream=True,
            )
            self.status = answer.status_code
            self.signature = answer.headers.get(ANSWER_SIGNATURE)
            self.body = _whole_body(answer)
        return self.body, self.status, answer.headers


def _proxies(url: str) -> dict[str, str]:
    if is_loopback(urlsplit(url).hostname or ""):
        return {}  # a proxy has its own loopback
    return get_environ_proxies(url)


def _whole_body(answer: requests.Response) -> bytes:
    body = bytearray()
    for chunk in answer.iter_content(64 * 1024):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise requests.ConnectionError
    return bytes(body)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Have all exchanges inside, and the time between them, share one deadline."""
    token = _over_by.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _over_by.reset(token)


def exchange(method: str, path: str, params: dict[str, Any]) -> Exchange:
    """Send one request through the SDK; return within PINGPP_DEADLINE, or a nearer `time_limit`.

    Socket timeouts start anew with each byte, so the SDK runs in a thread of its own that the
    caller leaves at the deadline, cutting the connection, so that the thread ends as well. It is
    a daemon, so that a name server that does not answer cannot keep the process from ending.

    Raises: ConfigurationError, before anything is sent.
    """
    started = time.monotonic()
    config, result = configuration(), Exchange()
    over_by = min(_over_by.get() or math.inf, started + config.deadline)
    if started >= over_by:
        result.failure = "deadline"
        return result
    if not config.bulkhead.enter(result):
        result.failure = "busy"
        return result
    work = (result, config, method, path, params)
    try:
        threading.Thread(target=_run, args=work, name="pingpp", daemon=True).start()
    except RuntimeError:  # no more threads, or the process is ending
        config.bulkhead.leave(result)
        result.failure = "busy"
        return result
    result.wait(over_by - time.monotonic())
    return result


def _run(
    result: Exchange, config: Configuration, method: str, path: str, params: dict[str, Any]
) -> None:
    _worker.exchange = result
    client, data, failure = _Client(config), None, None
    requestor = pingpp.APIRequestor(config.api_key, client=client, api_base=config.api_base)
    try:
        data = requestor.request(method, path, params)[0].data
    except BaseException as error:  # the SDK leaks TypeError, AttributeError, ...; none may be lost
        failure = _kind(error, answered=client.body is not None)
    config.bulkhead.leave(result)
    result.settle(client, data, failure)


def _kind(error: BaseException, *, answered: bool) -> str:
    if answered:
        return "answer"
    kinds = {
        ConfigurationError: "configuration",
        requests.exceptions.SSLError: "tls",
        requests.exceptions.Timeout: "timeout",
        OSError: "connection",
    }
    matching = (kind for error_class, kind in kinds.items() if isinstance(error, error_class))
    kind = next(matching, "unexpected")
    if kind == "unexpected":  # its text may hold what was sent
        logger.error("%s out of the SDK", type(error).__name__)
    return kind
