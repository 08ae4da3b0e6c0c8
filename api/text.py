"""What a text that other people read may not hold: characters that hide, or that turn it round."""

import regex
from django.core.exceptions import ValidationError

HIDDEN = "不能包含控制字符、不可见字符或改变文字方向的字符。"
_CONTROL = r"\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}"
_IN_LINE = regex.compile(f"[{_CONTROL}]")
_IN_TEXT = regex.compile(rf"(?V1)[[{_CONTROL}]--[\n\r\t]]")
_IN_NAME = regex.compile(rf"[{_CONTROL}\p{{C}}\p{{Default_Ignorable_Code_Point}}\u2800]")


def check_line(line: str) -> None:
    """Refuse control and bidi characters, line breaks too.  Raises: ValidationError."""
    _refuse(_IN_LINE, line)


def check_text(text: str) -> None:
    """Refuse control and bidi characters; lines may break.  Raises: ValidationError."""
    _refuse(_IN_TEXT, text)


def check_visible(name: str) -> None:
    """Refuse whatever a reader does not see, unassigned letters too.  Raises: ValidationError."""
    _refuse(_IN_NAME, name)


def _refuse(hidden: "regex.Pattern[str]", text: str) -> None:
    if hidden.search(text):
        raise ValidationError(HIDDEN, code="hidden")
