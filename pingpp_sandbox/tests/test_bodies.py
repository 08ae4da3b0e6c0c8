import io
from email.message import Message

import pytest

from pingpp_sandbox import bodies
from pingpp_sandbox.errors import ApiError

CHUNKED = ("Transfer-Encoding", "chunked")


def read(raw, *headers):
    message = Message()
    for name, value in headers:
        message[name] = value
    return bodies.read(message, io.BytesIO(raw))


def refusal(raw, *headers):
    with pytest.raises(ApiError) as caught:
        read(raw, *headers)
    return caught.value.status


def test_a_body_is_as_long_as_it_says():
    assert read(b"abcdef", ("Content-Length", "3")) == b"abc"
    assert read(b"abcdef") == b""


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"0\r\n\r\n", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"003\r\nabc\r\nA ;name=value\r\n0123456789\r\n0\r\n\r\n", b"abc0123456789"),
        (b"2\r\n\r\n\r\n0\r\nTrailer: ignored\r\nOther: too\r\n\r\n", b"\r\n"),
    ],
)
def test_chunks_are_put_together(raw, body):
    assert read(raw + b"next", ("Transfer-Encoding", "Chunked")) == body


def test_what_follows_the_last_chunk_is_left_for_the_next_request():
    stream = io.BytesIO(b"1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n")
    headers = Message()
    headers["Transfer-Encoding"] = "chunked"

    bodies.read(headers, stream)

    assert stream.read() == b"GET / HTTP/1.1\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"3\r\nabc",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\nabc\n0\n\n",
        b"10\na\r\n0\r\n\r\n",
        b"3\r\nabc\r\n",
        b"3\r\nabc\r\n0\r\n",
        b"g\r\n",
        b"-1\r\n",
        b"\r\n",
        b"1;" + b"x" * 2000 + b"\r\na\r\n0\r\n\r\n",
    ],
)
def test_malformed_chunks_are_refused(raw):
    assert refusal(raw, CHUNKED) == 400


@pytest.mark.parametrize("length", ["-3", "three", "9" * 5000, ""])
def test_malformed_lengths_are_refused(length):
    assert refusal(b"abc", ("Content-Length", length)) == 400


def test_a_body_that_ends_early_is_refused():
    assert refusal(b"ab", ("Content-Length", "3")) == 400


def test_the_size_is_bounded_before_anything_of_it_is_kept():
    whole, more = bodies.MAX_BODY, bodies.MAX_BODY + 1
    half = b"%x\r\n%s\r\n" % (whole // 2, b"a" * (whole // 2))

    assert len(read(half * 2 + b"0\r\n\r\n", CHUNKED)) == whole
    assert refusal(half * 2 + b"1\r\n", CHUNKED) == 413
    assert refusal(b"%x\r\n" % more, CHUNKED) == 413
    assert refusal(b"f" * 16 + b"\r\n", CHUNKED) == 413
    assert len(read(b"a" * whole, ("Content-Length", str(whole)))) == whole
    assert refusal(b"", ("Content-Length", str(more))) == 413
