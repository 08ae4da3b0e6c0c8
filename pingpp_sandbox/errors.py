"""The provider's error envelope."""

from typing import Any


class ApiError(Exception):
    """A refusal as the provider words it.

    Shape: {"error": {"type", "message", "code"?, "param"?}}, answered with `status`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param

    def envelope(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        error = {"type": self.kind, "message": self.message}
        if self.code is not None:
            error["code"] = self.code
        if self.param is not None:
            error["param"] = self.param
        return {"error": error}


def missing(param: str) -> ApiError:
    """400: a required parameter is absent or null."""
    return ApiError(f"缺少必需的参数: {param}。", param=param)


def invalid(param: str, why: str) -> ApiError:
    """400: a parameter breaks its rule."""
    return ApiError(f"参数 {param} 无效: {why}。", param=param)


def not_found(noun: str, object_id: str) -> ApiError:
    """404: no such charge, refund or event."""
    code = "refund_not_found" if noun == "refund" else None
    return ApiError(f"未找到 {noun} : {object_id}。", status=404, code=code, param="id")


def channel_refused(
    channel: str, why: str, *, code: str = "channel_request_error", param: str | None = None
) -> ApiError:
    """402: the parameters are fine, the payment channel says no."""
    message = f"对支付渠道的请求未能成功。来自 {channel} 渠道的错误信息: {why}。"
    return ApiError(message, status=402, kind="channel_error", code=code, param=param)
