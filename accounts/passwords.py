"""What a password may be; Django's validators for whatever sets one, the admin included."""

from difflib import SequenceMatcher
from typing import Any
from unicodedata import normalize

import regex
from django.core.exceptions import ValidationError

MIN_PASSWORD, MAX_PASSWORD = 8, 128
SERVICE_NAMES = ("feiqingsong", "肺轻松")
TOO_SHORT = "密码太短，至少需要 8 个字符。"
TOO_LONG = "密码不能超过 128 个字符。"
BLANK = "密码不能全是空白。"
LIKE_USERNAME = "密码与用户名太相似。"
LIKE_SERVICE = "密码与本服务的名称太相似。"
MAX_SIMILARITY = 0.7
_UNSEEN = regex.compile(r"[\s\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]")
_NO_LETTER = regex.compile(r"[^\p{L}]")


class LengthValidator:
    """8–128 characters, something visible among them."""

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) < MIN_PASSWORD:
            raise ValidationError(TOO_SHORT, code="password_too_short")
        if len(password) > MAX_PASSWORD:
            raise ValidationError(TOO_LONG, code="password_too_long")
        if not _UNSEEN.sub("", password):
            raise ValidationError(BLANK, code="password_blank")

    def get_help_text(self) -> str:
        return f"密码为 {MIN_PASSWORD}–{MAX_PASSWORD} 个字符，不能全是空白。"


class ResemblanceValidator:
    """Not the username or the service's name, nor either with something around, or repeated."""

    def validate(self, password: str, user: Any = None) -> None:
        # Comparing takes the product of the lengths.
        password = normalize("NFKC", password[:MAX_PASSWORD]).casefold()
        username = (getattr(user, "username", "") or "").casefold()
        if username and _resembles(password, username):
            raise ValidationError(LIKE_USERNAME, code="password_too_similar")
        if any(_resembles(password, name) for name in SERVICE_NAMES):
            raise ValidationError(LIKE_SERVICE, code="password_too_similar")

    def get_help_text(self) -> str:
        return "密码不能与用户名或本服务的名称相似。"


def _resembles(password: str, name: str) -> bool:
    if SequenceMatcher(a=password, b=name).ratio() >= MAX_SIMILARITY:
        return True
    letters, of_name = _letters(password), _letters(name)
    if of_name:
        return bool(letters) and not letters.replace(of_name, "")
    # A telephone number, say.
    return name in password and not _letters(password.replace(name, ""))


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text)
