"""The provider's signatures: RSA-SHA256, PKCS#1 v1.5, over the raw body."""

import base64
import logging
import re
from functools import lru_cache

from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15

from pingpp_client.sdk import ConfigurationError, pem

PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)

logger = logging.getLogger("feiqingsong.pingpp")


def signature_is_valid(raw_body: bytes, signature: str | None) -> bool:
    """Whether the provider signed exactly these bytes; never raises.

    While keys are being exchanged, PINGPP_PUBLIC_KEY may hold several.
    """
    try:
        return is_signed_by(public_keys(), raw_body, signature)
    except ConfigurationError as error:
        logger.error("%s", error)
        return False


def public_keys() -> tuple[RSA.RsaKey, ...]:
    """Return the provider's keys, none if none is set.

    Raises: ConfigurationError if what is set is no key.
    """
    text = pem("PINGPP_PUBLIC_KEY")
    keys = _parse(text)
    if text and not keys:
        raise ConfigurationError("PINGPP_PUBLIC_KEY is not an RSA public key")
    return keys


@lru_cache(maxsize=2)
def _parse(text: str) -> tuple[RSA.RsaKey, ...]:
    try:
        return tuple(RSA.import_key(block.group()) for block in PEM_BLOCK.finditer(text))
    except (ValueError, IndexError, TypeError):
        return ()


def is_signed_by(keys: tuple[RSA.RsaKey, ...], raw: bytes, signature: str | None) -> bool:
    """Whether one of the keys signed exactly these bytes; never raises."""
    try:
        signed, digest = base64.b64decode(signature or "", validate=True), SHA256.new(raw)
    except (ValueError, TypeError):
        return False
    for key in keys:
        try:
            pkcs1_15.new(key).verify(digest, signed)
        except ValueError:
            continue
        return True
    return False
