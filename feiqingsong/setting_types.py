"""What a setting may hold. Each parser takes the text set, and returns the value.

Raises: ValueError whose words follow the setting's name: "must be on or off". They never repeat
the text, which may be a secret.
"""

import logging
import re
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from Crypto.PublicKey import RSA

from feiqingsong import environment

Parser = Callable[[str], Any]

YEAR_SECONDS = 366 * 24 * 3600
SECRET_LENGTH, SECRET_DISTINCT = 50, 10
KEY_BITS = 2048

_ON_WORDS = {"1", "true", "on", "yes"}
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
# Somebody else can register a name right below these.
_PUBLIC_SUFFIX = re.compile(r"[^.]+|(ac|co|com|edu|gob|gov|mil|ne|net|nom|or|org)\.[a-z]{2}")
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)


def text(value: str) -> str:
    return value


def switch(value: str) -> bool:
    word = value.lower()
    if word not in _ON_WORDS | environment.OFF_WORDS:
        raise ValueError("must be on or off")
    return word in _ON_WORDS


def integer(least: int, most: int) -> Parser:
    return partial(_number, r"[+-]?[0-9]{1,18}", int, "a whole number", least, most)


def number(least: float, most: float) -> Parser:
    return partial(_number, r"[+-]?[0-9]{1,18}(\.[0-9]{1,9})?", float, "a number", least, most)


def _number(pattern: str, cast: type, kind: str, least: float, most: float, value: str) -> Any:
    if not re.fullmatch(pattern, value) or not least <= cast(value) <= most:
        raise ValueError(f"must be {kind} from {least} to {most}")
    return cast(value)


seconds = integer(1, YEAR_SECONDS)
timeout = number(0.001, 120)


def one_of(*words: str) -> Parser:
    def parse(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be {', '.join(words[:-1])} or {words[-1]}")
        return value

    return parse


log_level = one_of(*logging.getLevelNamesMapping())


def matching(pattern: str, words: str) -> Parser:
    def parse(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(words)
        return value

    return parse


def strong_secret(value: str) -> str:
    if len(value) < SECRET_LENGTH or len(set(value)) < SECRET_DISTINCT:
        raise ValueError(
            f"must have at least {SECRET_LENGTH} characters, {SECRET_DISTINCT} of them different"
        )
    if value.startswith("django-insecure-"):
        raise ValueError("must not be the one that startproject made")
    return value


def folder(value: str) -> Path:
    path = Path(value)
    if any(part.exists() and not part.is_dir() for part in (path, *path.parents)):
        raise ValueError("must be a folder")
    return path


def bind_address(value: str) -> str:
    if _address(value) is None and not _HOST_NAME.fullmatch(value.lower()):
        raise ValueError("must be an IP address or the name of this machine")
    return value


def hosts(value: str) -> list[str]:
    """Names, addresses, and `.example.com` for a name and all below it, between commas."""
    names = [name.strip().lower() for name in value.split(",")]
    for name in names:
        bare = name.removeprefix(".")
        if name != "*" and _address(bare) is None and not _HOST_NAME.fullmatch(bare):
            raise ValueError("must be host names or addresses between commas, no URLs or ports")
    return names


def public_hosts(value: str) -> list[str]:
    """As `hosts`, none of which anybody else could have."""
    names = hosts(value)
    if "*" in names:
        raise ValueError("must not be *")
    if any(name[0] == "." and _PUBLIC_SUFFIX.fullmatch(name[1:]) for name in names):
        raise ValueError("must not open a whole top-level domain")
    return names


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host[1:-1] if host[:1] + host[-1:] == "[]" else host)
    except ValueError:
        return None


def url(value: str) -> str:
    parts = _split(value)
    if parts is None or parts.query or parts.fragment:
        raise ValueError("must be a URL: http(s)://host[:port]/path/")
    return value


def redis_url(value: str) -> str:
    if not re.fullmatch(r"(redis|rediss|unix)://\S+", value):
        raise ValueError("must be redis://host:port/number")
    return value


def origin(value: str) -> str:
    """Scheme, host and port, without a slash at the end."""
    parts = _split(value)
    if parts is None or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be http(s)://host[:port]")
    return value.rstrip("/")


def origins(value: str) -> list[str]:
    return [origin(part.strip()) for part in value.split(",")]


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 (raises for what is no port)
    except ValueError:
        return None
    is_url = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return parts if is_url and not re.search(r"\s", value) else None


def database(value: str) -> dict[str, Any]:
    """Django's settings of a PostgreSQL or SQLite URL."""
    values = environment.database(value)
    if not values.get("NAME"):
        raise ValueError("must be postgres://user:password@host/name or sqlite:///path")
    return values


def postgres(value: str) -> dict[str, Any]:
    values = environment.database(value)
    if not values.get("NAME") or not values["ENGINE"].endswith("postgresql"):
        raise ValueError("must be postgres://user:password@host/name")
    return values


def private_key(value: str) -> str:
    """PEM text of one RSA private key; `\\n` may stand for the ends of lines."""
    [*keys] = _rsa_keys(value)
    if len(keys) != 1 or not keys[0].has_private():
        raise ValueError("must hold an RSA private key")
    return _of_enough_bits(keys, value)


def public_keys(value: str) -> str:
    """PEM text of RSA public keys, more than one while they are being exchanged."""
    keys = _rsa_keys(value)
    if not keys or any(key.has_private() for key in keys):
        raise ValueError("must hold RSA public keys and nothing private")
    return _of_enough_bits(keys, value)


def file_of(parse: Parser) -> Parser:
    """The path of a file whose text `parse` accepts."""

    def parse_file(value: str) -> str:
        try:
            content = Path(value).read_text("utf-8")
        except (OSError, ValueError):
            raise ValueError("must be a file that can be read") from None
        parse(content)
        return value

    return parse_file


def _rsa_keys(value: str) -> list[RSA.RsaKey]:
    lines = (line.strip() for line in value.replace("\\n", "\n").splitlines())
    blocks = _PEM_BLOCK.finditer("\n".join(lines))
    try:
        return [RSA.import_key(block.group()) for block in blocks]
    except (ValueError, IndexError, TypeError):
        return []


def _of_enough_bits(keys: list[RSA.RsaKey], value: str) -> str:
    if any(key.size_in_bits() < KEY_BITS for key in keys):
        raise ValueError(f"must have at least {KEY_BITS} bits")
    return value
