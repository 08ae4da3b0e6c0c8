"""The pingpp SDK made safe: importable, configured once, every exchange over by a deadline."""

from __future__ import annotations

import importlib
import logging
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
from Crypto.PublicKey import RSA
from django.conf import settings
from django.core.signals import setting_changed
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection

REQUEST_SIGNATURE = "Pingplusplus-Signature"
ANSWER_SIGNATURE = "X-Pingplusplus-Signature"
MAX_ANSWER_BYTES = 8 * 1024 * 1024
SLOT_WAIT_SECONDS = 1.5

logger = logging.getLogger("feiqingsong.pingpp")


class ConfigurationError(Exception):
    """The PINGPP_* settings do not allow a signed call; nothing was sent."""


def _import_sdk() -> Any:
    """Import pingpp with today's six in place of the copy inside it.

    That copy is of 2017: Python 3.12 cannot import it, 3.10 and 3.11 warn (fatal under -W error).
    """
    if "pingpp" not in sys.modules:
        importlib.import_module("six.moves.urllib.parse")
        for name, module in list(sys.modules.items()):
            if name == "six" or name.startswith("six."):
                sys.modules[f"pingpp.{name}"] = module
    return importlib.import_module("pingpp")


pingpp = _import_sdk()


@dataclass(frozen=True)
class Configuration:
    """The PINGPP_* settings, checked; `slots` is the bulkhead shared by all calls."""

    api_base: str
    api_key: str = field(repr=False)
    timeout: tuple[float, float]
    deadline: float
    slots: threading.BoundedSemaphore


_lock = threading.Lock()


def configuration() -> Configuration:
    """Return the checked settings, setting up the SDK's globals the first time.

    Raises: ConfigurationError, on every call until the settings are right.
    """
    with _lock:
        return _configure()


def reset() -> None:
    """Forget the settings read so far; the next call reads them again."""
    _configure.cache_clear()


def _reset_on_change(*, setting: str, **_kwargs: object) -> None:
    if setting.startswith("PINGPP_"):
        reset()


setting_changed.connect(_reset_on_change, dispatch_uid="pingpp_sdk.reset")


@cache
def _configure() -> Configuration:
    config = Configuration(
        api_base=_api_base(),
        api_key=_api_key(),
        timeout=(_positive("PINGPP_CONNECT_TIMEOUT", 2.0), _positive("PINGPP_READ_TIMEOUT", 6.0)),
        deadline=_positive("PINGPP_DEADLINE", 8.0),
        slots=threading.BoundedSemaphore(int(_positive("PINGPP_MAX_CONCURRENT", 4, least=1))),
    )
    pingpp.private_key, pingpp.private_key_path = _private_key(), None
    pingpp.api_key, pingpp.app_id = config.api_key, _text("PINGPP_APP_ID", required=True)
    pingpp.api_base, pingpp.timeout = config.api_base, config.timeout
    pingpp.max_network_retries = 0  # the SDK sends a POST again on 502, refunds too
    pingpp.ca_bundle, pingpp.verify_ssl_certs = certifi.where(), True  # its own is of 2018
    # The SDK logs bodies, credentials included, also when only the environment asks for it.
    pingpp.log = pingpp.util.PINGPP_LOG = None
    pingpp.util.logger.setLevel(logging.WARNING)
    return config


def _text(name: str, *, required: bool = False) -> str:
    value = str(getattr(settings, name, "") or "").strip()
    if required and not value:
        raise ConfigurationError(f"{name} is not set")
    return value


def _positive(name: str, default: float, *, least: float = 0.001) -> float:
    value = getattr(settings, name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
        raise ConfigurationError(f"{name} must be a number, at least {least}")
    return value


def _api_base() -> str:
    base = _text("PINGPP_API_BASE") or "https://api.pingxx.com"
    parts = urlsplit(base)
    # The SDK signs the path without a prefix in the base, so a prefix would break every signature.
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
        raise ConfigurationError("PINGPP_API_BASE must be scheme://host[:port]")
    live = _text("PINGPP_API_KEY").startswith("sk_live_")
    if live and parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ConfigurationError("PINGPP_API_BASE must be https with a live key")
    return base.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _api_key() -> str:
    key = _text("PINGPP_API_KEY", required=True)
    livemode = getattr(settings, "PINGPP_LIVEMODE", None)
    # Else money is collected whose notices, of the other mode, we would not believe.
    if livemode is not None and key.startswith("sk_test_" if livemode else "sk_live_"):
        raise ConfigurationError("PINGPP_LIVEMODE does not agree with PINGPP_API_KEY")
    return key


def pem(name: str) -> str:
    """Return the key text of a setting, or of the file its _PATH names; empty if neither is set.

    Raises: ConfigurationError if the file cannot be read.
    """
    text, path = _text(name), _text(f"{name}_PATH")
    if not text and path:
        try:
            text = Path(path).read_text("utf-8")
        except (OSError, ValueError):
            raise ConfigurationError(f"{name}_PATH cannot be read") from None
    lines = text.replace("\\n", "\n").splitlines()
    return "\n".join(line.strip() for line in lines)


def _private_key() -> str:
    text = pem("PINGPP_PRIVATE_KEY")
    try:
        usable = RSA.import_key(text).has_private()
    except (ValueError, IndexError, TypeError):
        usable = False
    if not usable:  # without one the SDK would send the request unsigned
        raise ConfigurationError("PINGPP_PRIVATE_KEY is not an RSA private key")
    return text


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
        pool = super().get_connection_with_tls_context(*args, **kwargs)
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
    if _is_loopback(urlsplit(url).hostname or ""):
        return {}  # a proxy has its own loopback
    return get_environ_proxies(url)


def _whole_body(answer: requests.Response) -> bytes:
    body = bytearray()
    for chunk in answer.iter_content(64 * 1024):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise requests.ConnectionError
    return bytes(body)


def exchange(method: str, path: str, params: dict[str, Any]) -> Exchange:
    """Send one request through the SDK; return within PINGPP_DEADLINE, whatever the peer does.

    Socket timeouts start anew with each byte, so the SDK runs in a thread of its own that the
    caller leaves at the deadline, cutting the connection, so that the thread ends as well. It is
    a daemon, so that a name server that does not answer cannot keep the process from ending.

    Raises: ConfigurationError, before anything is sent.
    """
    started = time.monotonic()
    config, result = configuration(), Exchange()
    if not config.slots.acquire(timeout=min(SLOT_WAIT_SECONDS, config.deadline)):
        result.failure = "busy"
        return result
    work = (result, config, method, path, params)
    try:
        threading.Thread(target=_run, args=work, name="pingpp", daemon=True).start()
    except RuntimeError:  # no more threads, or the process is ending
        config.slots.release()
        result.failure = "busy"
        return result
    result.wait(config.deadline - (time.monotonic() - started))
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
    config.slots.release()
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
