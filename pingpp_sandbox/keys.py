"""The two RSA key pairs of a merchant account: the merchant's and the provider's."""

import base64
import contextlib
import functools
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15

BITS = 2048
_PRIVATE_MODE = 0o600
_PUBLIC_MODE = 0o644


@dataclass(frozen=True)
class Keys:
    """Both key pairs as PEM text; `repr` shows none of it."""

    merchant_private: str
    merchant_public: str
    pingpp_private: str
    pingpp_public: str

    def __repr__(self) -> str:
        return "Keys(…)"


def generate(bits: int = BITS) -> Keys:
    """Two new key pairs that are written nowhere."""
    merchant, pingpp = _new_private(bits), _new_private(bits)
    return Keys(merchant, public_of(merchant), pingpp, public_of(pingpp))


def ensure(directory: Path, bits: int = BITS) -> Keys:
    """The directory's key pairs, made first where they do not exist.

    Files: merchant_private.pem, merchant_public.pem, pingpp_private.pem,
    pingpp_public.pem; the private ones with mode 0600. Processes that start at
    once all return the same keys.
    """
    directory.mkdir(parents=True, exist_ok=True)
    merchant = _ensure_pair(directory, "merchant", bits)
    pingpp = _ensure_pair(directory, "pingpp", bits)
    return Keys(merchant, public_of(merchant), pingpp, public_of(pingpp))


def public_of(private: str) -> str:
    """The public half of a private PEM."""
    return RSA.import_key(private).public_key().export_key().decode() + "\n"


def sign(private: str, raw: bytes) -> str:
    """Base64 of the RSA-SHA256 (PKCS#1 v1.5) signature over the bytes."""
    signature = pkcs1_15.new(_imported(private)).sign(SHA256.new(raw))
    return base64.b64encode(signature).decode()


def is_signed(public: str, raw: bytes, signature: str) -> bool:
    """Whether the base64 signature over the bytes is by the key's owner."""
    try:
        pkcs1_15.new(_imported(public)).verify(
            SHA256.new(raw), base64.b64decode(signature, validate=True)
        )
    except ValueError:
        return False
    return True


@functools.lru_cache(maxsize=32)
def _imported(pem: str) -> RSA.RsaKey:
    return RSA.import_key(pem)


def _new_private(bits: int) -> str:
    return RSA.generate(bits).export_key().decode() + "\n"


def _ensure_pair(directory: Path, name: str, bits: int) -> str:
    private_path = directory / f"{name}_private.pem"
    if not private_path.exists():
        _link_once(private_path, _new_private(bits))
    private = private_path.read_text()
    # The public file always follows from the private one, so that a start that
    # lost the race, or died halfway, cannot leave two halves that do not match.
    public_path = directory / f"{name}_public.pem"
    public = public_of(private)
    if not public_path.exists() or public_path.read_text() != public:
        _temporary(directory, public, _PUBLIC_MODE).replace(public_path)
    return private


def _link_once(path: Path, text: str) -> None:
    """Put the complete file there unless another process was first."""
    temporary = _temporary(path.parent, text, _PRIVATE_MODE)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()


def _temporary(directory: Path, text: str, mode: int) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=".key-", dir=directory)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.chmod(name, mode)
    return Path(name)
