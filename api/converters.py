"""URL parts: usernames, order numbers, pks, positions. Importing registers them."""

from django.urls import register_converter
from django.urls.converters import IntConverter


class UsernameConverter:
    """A username; anything else (a NUL, a slash) is no URL of ours."""

    regex = r"[\w.@+-]{1,150}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class OrderNumberConverter(UsernameConverter):
    """Digits; which ones exist is the database's business."""

    regex = r"[0-9]{1,32}"


class PkConverter(IntConverter):
    """A primary key that fits the database's bigint."""

    regex = r"[0-9]{1,18}"


class PositionConverter(UsernameConverter):
    """Which side of an order the caller means."""

    regex = r"patient|doctor"


register_converter(UsernameConverter, "username")
register_converter(OrderNumberConverter, "number")
register_converter(PkConverter, "pk")
register_converter(PositionConverter, "position")
