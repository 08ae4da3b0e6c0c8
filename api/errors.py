"""Every API error and the one place that turns it into the contract's shapes.

Shape: field errors `{"field": ["…"]}`; refusals by a rule `{"status": -N, "message": "…"}`;
everything else `{"detail": "…"}`. Chinese, but for the literal 404.
Source: contract, sections 1 and 4.
"""

import logging
import traceback
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, ParseError
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from api import security_log

logger = logging.getLogger("feiqingsong.errors")

NOT_FOUND = "Not found."
UNREADABLE = "请求体无法解析"
TOO_LARGE = "请求体过大"
BUSY = "系统繁忙，请稍后重试"
BROKEN = "服务器内部错误"
TWICE = "同样的内容刚刚已提交，请刷新后查看"
TOO_MANY_ERRORS = "输入有误，错误过多"
MAX_ERROR = 16 * 1024
"""Bytes of any error's body, which may be stored with an idempotency key."""

RETRY_AFTER = "2"


class Refusal(APIException):
    """A refusal by a business rule; the order is left as it was."""

    status_code: int = status.HTTP_400_BAD_REQUEST
    code: int
    message: str

    def __init__(self) -> None:
        super().__init__(self.message)


class CannotCancel(Refusal):
    code, message = -1, "不能取消订单"


class CannotPay(Refusal):
    code, message = -2, "不能支付订单"


class CannotEvaluate(Refusal):
    code, message = -3, "不能评价订单"


class CannotFinish(Refusal):
    code, message = -4, "不能结束订单"


class InsufficientBalance(Refusal):
    code, message = -5, "余额不足"


class ChannelUnavailable(Refusal):
    """The provider is down, slow or refuses; the order stays payable."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    code, message = -6, "支付渠道暂不可用，请稍后重试"


class CannotAsk(Refusal):
    code, message = -7, "不能提交问题"


class CannotAnswer(Refusal):
    code, message = -8, "不能回答问题"


class CannotRefund(Refusal):
    code, message = -9, "不能退款"


REFUSALS: tuple[type[Refusal], ...] = (
    CannotCancel,
    CannotPay,
    CannotEvaluate,
    CannotFinish,
    InsufficientBalance,
    ChannelUnavailable,
    CannotAsk,
    CannotAnswer,
    CannotRefund,
)


class CannotDestroy(APIException):
    """`destroy` alone answers a refusal as `{"detail": …}`, as the published document says."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = "进行中的订单不能删除"


class StaffRefusal(Exception):
    """Why staff may not do something, in words for the one who asked; nothing was changed."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Busy(APIException):
    """A lock that could not be had in time; nothing changed."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = BUSY


class TooManyRequests(APIException):
    """One more than a limit allows; `wait` seconds later there is a place.

    `username` is whom it was about, where that is not the caller.
    """

    status_code = status.HTTP_429_TOO_MANY_REQUESTS

    def __init__(self, limit: str, detail: str, wait: int) -> None:
        super().__init__(detail)
        self.limit = limit
        # Sent as Retry-After.
        self.wait = wait
        self.username = ""


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """Return the contract's answer for any exception of a view; unknown ones are logged bugs."""
    response = _answer(exc, context)
    if isinstance(exc, TooManyRequests):
        log_limit(exc, context["request"])
    if len(JSONRenderer().render(response.data)) > MAX_ERROR:
        response.data = {"detail": TOO_MANY_ERRORS}
    if response.status_code == status.HTTP_503_SERVICE_UNAVAILABLE:
        response.headers.setdefault("Retry-After", RETRY_AFTER)
    return response


def _answer(exc: Exception, context: dict[str, Any]) -> Response:
    if isinstance(exc, Refusal):
        return Response({"status": exc.code, "message": exc.message}, status=exc.status_code)
    if isinstance(exc, (Http404, NotFound)):
        return Response({"detail": NOT_FOUND}, status=status.HTTP_404_NOT_FOUND)
    if isinstance(exc, (OperationalError, InterfaceError)):
        # Lock and statement timeouts, deadlocks, SQLite's "database is locked", a lost server.
        logger.warning("database unavailable: %s", type(exc.__cause__ or exc).__name__)
        return Response({"detail": BUSY}, status=status.HTTP_503_SERVICE_UNAVAILABLE)
    if isinstance(exc, RequestDataTooBig):
        return Response({"detail": TOO_LARGE}, status=status.HTTP_413_REQUEST_ENTITY_TOO_LARGE)
    if isinstance(exc, (ParseError, SuspiciousOperation, BadRequest, UnreadablePostError)):
        return Response({"detail": UNREADABLE}, status=status.HTTP_400_BAD_REQUEST)
    response = drf_exception_handler(exc, context)
    if response is None:
        log_bug(exc)
        return Response({"detail": BROKEN}, status=status.HTTP_500_INTERNAL_SERVER_ERROR)
    return response


def log_limit(refusal: TooManyRequests, request: Any) -> None:
    """Note in the security log who reached which limit."""
    username = refusal.username or request.user.get_username()
    security_log.record(security_log.LIMIT_REACHED, request, username, limit=refusal.limit)


def log_bug(exc: BaseException) -> None:
    """Log where an unexpected exception came from, without its message.

    A database error's message quotes the row it was about, and rows hold medical text.
    """
    where = "".join(traceback.format_tb(exc.__traceback__))
    logger.error("unexpected %s\n%s", type(exc).__name__, where)
