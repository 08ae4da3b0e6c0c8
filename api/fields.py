"""Fields of what clients send: each looks at type and size before any other rule of its own.

A value is taken as it was sent, alike in JSON, form and multipart: a blank one is blank, a missing
one missing. Messages never repeat a value.
"""

import json
import re
from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from rest_framework import serializers
from rest_framework.fields import empty

from api import money

MAX_ITEMS = 100
"""No array has more (contract, section 1)."""

# One character of the host, then anything: two overlapping repeats would try every split.
HTTP_URL = RegexValidator(
    re.compile(r"\Ahttps?://[^\s/?#]\S*\Z", re.IGNORECASE),
    message="请输入 http 或 https 链接。",
)
_WHOLE = re.compile(r"-?[0-9]{1,19}")


class InputField(serializers.Field):
    """A field whose input is bounded; tests find every writable field of the API to be one."""

    def get_value(self, dictionary: Any) -> Any:
        """Return what was sent, the last value of a repeated form key, or `empty`."""
        return dictionary.get(self.field_name, empty)


class TextField(InputField, serializers.CharField):
    """Text of at most `max_length` characters, counted as sent, before trimming."""

    def __init__(self, *, max_length: int | None = None, **kwargs: Any) -> None:
        if max_length is None and not kwargs.get("read_only"):
            raise TypeError("text that clients write needs a max_length")
        super().__init__(max_length=max_length, **kwargs)

    def run_validation(self, data: Any = empty) -> Any:
        if data is not empty and data is not None:
            if not isinstance(data, str):
                self.fail("invalid")
            if self.max_length is not None and len(data) > self.max_length:
                self.fail("max_length", max_length=self.max_length)
        return super().run_validation(data)


class IntegerField(InputField, serializers.IntegerField):
    """A JSON integer, or its plain digits."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, (str, int, float)):
            self.fail("invalid")
        if isinstance(data, str) and not _WHOLE.fullmatch(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class BooleanField(InputField, serializers.BooleanField):
    """A JSON boolean, or one of its usual spellings as text; a missing one is not false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, (bool, str)):
            self.fail("invalid")
        return bool(super().to_internal_value(data))


class ChoiceField(InputField, serializers.ChoiceField):
    """One of the choices."""

    default_error_messages = {"invalid_choice": "不是有效的选项。"}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, (str, int)):
            self.fail("invalid_choice")
        return super().to_internal_value(data)


class ListField(InputField, serializers.ListField):
    """An array, or a form key repeated; counted before any item is looked at.

    The first bad item is the only one reported.
    """

    def __init__(self, *, max_length: int = MAX_ITEMS, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)
        self.most = max_length

    def get_value(self, dictionary: Any) -> Any:
        if hasattr(dictionary, "getlist"):
            return dictionary.getlist(self.field_name) or empty
        return super().get_value(dictionary)

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        if len(data) > self.most:
            self.fail("max_length", max_length=self.most)
        return super().to_internal_value(data)

    def run_child_validation(self, data: list[Any]) -> list[Any]:
        items = []
        for index, item in enumerate(data):
            try:
                items.append(self.child.run_validation(item))
            except serializers.ValidationError as error:
                detail: Any = {index: error.detail}
                raise serializers.ValidationError(detail) from error
        return items


class BlankAsNullField(serializers.CharField):
    """Output: null for what the database keeps as a blank."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, read_only=True, **kwargs)

    def to_representation(self, value: str) -> str | None:  # type: ignore[override]
        return value or None


class JSONTextField(serializers.Field[Any, Any, Any, Any]):
    """Output: JSON that is kept as the text which is shown, so that its keys stay in order."""

    def to_representation(self, value: str) -> Any:
        return json.loads(value)


class YuanField(InputField):
    """Fen in the database, yuan text with two decimals in JSON: 1500 <-> "15.00".

    Input: plain decimal text or an integer, up to CNY 50000.00; `min_fen` is the least accepted.
    """

    default_error_messages = {
        "invalid": "请输入金额，例如 15.00，最多两位小数。",
        "range": "金额应在 {least} 到 {most} 之间。",
    }

    def __init__(self, *, min_fen: int = 0, **kwargs: Any) -> None:
        self.min_fen = min_fen
        super().__init__(**kwargs)

    def to_representation(self, value: int) -> str:
        return money.to_yuan(value)

    def to_internal_value(self, data: Any) -> int:
        # bool is an int to Python; a float has lost its decimals already.
        if isinstance(data, bool) or not isinstance(data, (str, int)):
            self.fail("invalid")
        try:
            fen = money.to_fen(str(data))
        except ValueError:
            self.fail("invalid")
        if not self.min_fen <= fen <= money.MAX_FEN:
            self.fail("range", least=money.to_yuan(self.min_fen), most=money.to_yuan(money.MAX_FEN))
        return fen


class InputModelSerializer(serializers.ModelSerializer[Any]):
    """A model serializer that clients write by; a text column without a length is a mistake."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.CharField: TextField,
        models.TextField: TextField,
        models.BooleanField: BooleanField,
        models.IntegerField: IntegerField,
    }
    serializer_choice_field = ChoiceField
