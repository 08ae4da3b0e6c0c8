"""Request bodies as they come over the wire: with a length, or in chunks."""

import re
from email.message import Message
from io import BufferedIOBase

from pingpp_sandbox.errors import ApiError

MAX_BODY = 1_000_000

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(;.*)?")
_MAX_LINE = 1024
_MAX_TRAILERS = 100
_MAX_DIGITS = 16


def read(headers: Message, stream: BufferedIOBase) -> bytes:
    """The body of a request; after an error the connection is of no more use.

    Raises: ApiError 400 for a malformed one, 413 for one of more than `MAX_BODY` bytes.
    """
    lengths = headers.get_all("Content-Length", [])
    codings = headers.get_all("Transfer-Encoding", [])
    if not codings:
        return _exactly(stream, _length(lengths))
    # With both, two readers could see two different requests.
    if lengths or [coding.strip().lower() for coding in codings] != ["chunked"]:
        raise _malformed()
    return _chunked(stream)


def _length(lengths: list[str]) -> int:
    if not lengths:
        return 0
    text = lengths[0].strip()
    if len(set(lengths)) > 1 or not (text.isascii() and text.isdigit() and len(text) < _MAX_DIGITS):
        raise _malformed()
    return int(text)


def _chunked(stream: BufferedIOBase) -> bytes:
    body = b""
    while size := _chunk_size(_line(stream)):
        body += _exactly(stream, size, len(body))
        if _line(stream):
            raise _malformed()
    for _ in range(_MAX_TRAILERS):
        if not _line(stream):
            return body
    raise _malformed()


def _chunk_size(line: bytes) -> int:
    match = _CHUNK_SIZE.fullmatch(line)
    if match is None:
        raise _malformed()
    return int(match[1], 16)


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
