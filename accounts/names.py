"""What a username and a name may be: nothing that passes for somebody else, or for the service."""

from functools import cache
from unicodedata import normalize

import regex
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.lookalikes import skeletons
from api.text import check_visible

MIN_USERNAME, MAX_USERNAME, MAX_NAME = 2, 50, 50
BAD_USERNAME = (
    "用户名只能包含同一种文字的字母（汉字可与拉丁字母混用）、数字和 . _ + - @，并以字母或数字开头。"
)
RESERVED_USERNAME = "该用户名为保留名称，请换一个。"
OFFICIAL_NAME = "姓名不能使用 {word}。"

url_safe = RegexValidator(r"^[\w.@+-]+\Z", message="用户名只能包含字母、数字和 @ . + - _。")
"""What a URL can name. All that staff's own names and those of the demo must keep to."""

OFFICIAL = ("官方", "客服", "肺轻松")
STAFF_WORDS = ("admin", "system", "staff")
RESERVED = (
    "administrator",
    "admin",
    "anonymous",
    "apply",
    "doctor",
    "feiqingsong",
    "me",
    "moderator",
    "null",
    "official",
    "patient",
    "root",
    "security",
    "service",
    "staff",
    "superuser",
    "support",
    "system",
    "undefined",
    "webmaster",
    "已注销用户",
    *OFFICIAL,
)
# Scripts in everyday use (UAX 31, table 5). Han may stand beside Latin, the others alone.
SCRIPTS = (
    "Arabic Armenian Bengali Bopomofo Cyrillic Devanagari Ethiopic Georgian Greek Gujarati "
    "Gurmukhi Hangul Hebrew Hiragana Kannada Katakana Khmer Lao Malayalam Myanmar Oriya Sinhala "
    "Tamil Telugu Thaana Thai Tibetan"
)
_ALPHABETS = [r"\p{scx=Han}\p{scx=Latin}", *(rf"\p{{scx={script}}}" for script in SCRIPTS.split())]
_USERNAME = regex.compile(
    r"(?V1)(?=[\p{L}0-9])(?:"
    + "|".join(rf"(?:[\p{{L}}&&[{a}]--\p{{DI}}]|[0-9._+@-])+" for a in _ALPHABETS)
    + ")"
)
_MARK = regex.compile(r"\p{M}")
_NO_LETTER = regex.compile(r"[^\p{L}\p{N}]")
_LATIN_WORD = regex.compile(r"[a-z]+")


def check_username(username: str) -> None:
    """Refuse what a newcomer may not be called; expects NFKC of bounded length.

    Raises: ValidationError.  Whether the name is taken is for the database to say.
    """
    # Django compiles the validator's text on first use, which the stubs do not say.
    if not _USERNAME.fullmatch(username) or not url_safe.regex.fullmatch(username):  # type: ignore[union-attr]
        raise ValidationError(BAD_USERNAME, code="invalid")
    folded, typed = skeletons(username)
    if folded in _reserved() or typed in _reserved():
        raise ValidationError(RESERVED_USERNAME, code="reserved")


def check_name(name: str) -> None:
    """Refuse a name that hides characters or poses as the service.  Raises: ValidationError."""
    name = name[:MAX_NAME]  # A longer one is refused for its length.
    check_visible(name)
    for skeleton in skeletons(normalize("NFKC", name)):
        letters = _MARK.sub("", skeleton)
        solid = _NO_LETTER.sub("", letters)
        words = set(_LATIN_WORD.findall(letters))
        for word in OFFICIAL:
            if skeletons(word)[0] in solid:
                raise ValidationError(OFFICIAL_NAME.format(word=word), code="official")
        for word in STAFF_WORDS:
            if skeletons(word)[0] in words:
                raise ValidationError(OFFICIAL_NAME.format(word=word), code="official")


@cache
def _reserved() -> frozenset[str]:
    """Also every word of our URLs, some of which stand where a username may."""
    words = {*RESERVED, *_url_words(get_resolver().url_patterns)}
    return frozenset(skeleton for word in words for skeleton in skeletons(word))


def _url_words(patterns: list[URLPattern | URLResolver]) -> set[str]:
    words: set[str] = set()
    for pattern in patterns:
        words.update(regex.findall(r"(?<![<:\w])\w+(?![>:\w])", str(pattern.pattern)))
        if isinstance(pattern, URLResolver) and not str(pattern.pattern).startswith("admin"):
            words |= _url_words(pattern.url_patterns)
    return words
