"""Serializer fields shared by all apps."""

import re
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from feiqingsong import money

HTTP_URL = RegexValidator(
    re.compile(r"\Ahttps?://[^\s/?#]+[^\s]*\Z", re.IGNORECASE),
    message="请输入 http 或 https 链接。",
)


class YuanField(serializers.Field):
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
