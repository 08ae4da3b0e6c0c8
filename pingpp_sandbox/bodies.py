"""Request bodies as they come over the wire: with a length, or in chunks as from the Node SDK."""

from email.message import Message
from io import BufferedIOBase

from pingpp_sandbox.errors import ApiError

MAX_BODY = 1_000_000

_MAX_LINE = 1024


def read(headers: Message, stream: BufferedIOBase) -> bytes:
    """The body of a request; after an error the connection is of no more use.

    Raises: ApiError 400 for a malformed one, 413 for one of more than `MAX_BODY` bytes.
    """
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        return _chunked(stream)
    return _exactly(stream, _size(headers.get("Content-Length", "0"), 10))


def _chunked(stream: BufferedIOBase) -> bytes:
    body = b""
    while size := _size(_line(stream).partition(b";")[0], 16):
        body += _exactly(stream, size, len(body))
        if _line(stream):
            raise _malformed()
    while _line(stream):
        pass
    return body


def _size(text: str | bytes, base: int) -> int:
    try:
        size = int(text, base)
    except ValueError as error:
        raise _malformed() from error
    if size < 0:
        raise _malformed()
    return size


def _line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(_MAX_LINE)
    if not line.endswith(b"\r\n"):
        raise _malformed()
    return line[:-2]


def _exactly(stream: BufferedIOBase, size: int, before: int = 0) -> bytes:
    if before + size > MAX_BODY:
        raise ApiError(f"请求内容不能超过 {MAX_BODY} 字节。", status=413)
    data = stream.read(size)
    if len(data) < size:
        raise _malformed()
    return data


def _malformed() -> ApiError:
    return ApiError("请求内容的长度或分块无效。")
