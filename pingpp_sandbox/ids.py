"""Identifiers in the provider's form."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 24


def new_id(prefix: str) -> str:
    """A fresh id: the prefix (`ch`, `re`, `evt`, `iar`), `_` and 24 letters or digits."""
    return f"{prefix}_{random_text(_LENGTH)}"


def random_text(length: int, alphabet: str = _ALPHABET) -> str:
    """Random characters out of the alphabet."""
    return "".join(secrets.choice(alphabet) for _ in range(length))
