"""The pingpp SDK made safe: importable on every Python, configured once from the settings."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
from Crypto.PublicKey import RSA
from django.conf import settings
from django.core.signals import setting_changed

from pingpp_client.bulkhead import PATIENCE_SECONDS, Bulkhead

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
    """The PINGPP_* settings, checked; all calls share the bulkhead."""

    api_base: str
    api_key: str = field(repr=False)
    timeout: tuple[float, float]
    deadline: float
    bulkhead: Bulkhead


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


setting_changed.connect(_reset_on_change, dispatch_uid="pingpp_client.reset")


@cache
def _configure() -> Configuration:
    deadline = _positive("PINGPP_DEADLINE", 8.0)
    places = int(_positive("PINGPP_MAX_CONCURRENT", 4, least=1))
    config = Configuration(
        api_base=_api_base(),
        api_key=_api_key(),
        timeout=(_positive("PINGPP_CONNECT_TIMEOUT", 2.0), _positive("PINGPP_READ_TIMEOUT", 6.0)),
        deadline=deadline,
        bulkhead=Bulkhead(places, min(PATIENCE_SECONDS, deadline / 2)),
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
    if live and parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigurationError("PINGPP_API_BASE must be https with a live key")
    return base.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, by its name alone."""
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
