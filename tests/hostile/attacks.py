"""Bodies and query strings that once cost a worker half a minute, and their relatives."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
BOUNDARY = "frontier"
HEADERS = {JSON: JSON, FORM: FORM, MULTIPART: f"{MULTIPART}; boundary={BOUNDARY}"}
Body = dict[str, Any]
Attack = tuple[str, bytes]

UNITS = {
    # What is repeated, after what and before what.
    "letters": ("a", "", ""),
    "combining marks": ("\u0315\u0300", "a", ""),
    "a letter that normalizes to eighteen": ("\ufdfa", "", ""),
    "nearly a URL": ("a", "http://", " b"),
    "NULs": ("\0", "", ""),
    "blanks": (" ", "", "a"),
    "digits": ("9", "", ""),
    "zeros": ("0", "1.", "x"),
    "commas": (",", "", ""),
    "newlines": ("\r\n", "", ""),
}
FORM_UNITS = ("letters", "combining marks", "nearly a URL", "digits")
NUMBERS = {
    "a long integer": lambda size: "9" * size,
    "a long fraction": lambda size: "0." + "1" * size,
    "a long mantissa": lambda size: "1" * size + ".5",
    "a long exponent": lambda size: "1e-" + "9" * size,
}
NESTS = {
    "arrays in arrays": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "arrays in arrays, left open": lambda size: "[" * size,
    "objects in objects": lambda size: '{"a":' * (size // 6) + "1" + "}" * (size // 6),
    "many empty arrays": lambda size: "[" + ",".join(["[]"] * (size // 3 - 1)) + "]",
    "many empty objects": lambda size: "[" + ",".join(["{}"] * (size // 3 - 1)) + "]",
    "many texts": lambda size: "[" + ",".join(['"a"'] * (size // 4 - 1)) + "]",
    "many numbers": lambda size: "[" + ",".join(["1"] * (size // 2 - 1)) + "]",
    "a hundred arrays of a hundred": lambda size: json.dumps([["a"] * 100] * 100),
}
FIELD_NESTS = (
    "arrays in arrays",
    "many empty arrays",
    "many texts",
    "a hundred arrays of a hundred",
)
"""The others are tried on bodies as a whole."""


def encode(content_type: str, body: Body) -> bytes:
    """Return the body as a client would send it; an array as its form key repeated."""
    if content_type == JSON:
        return json.dumps(body, ensure_ascii=False).encode()
    if content_type == FORM:
        return urlencode(body, doseq=True).encode()
    parts = [
        _part(name, str(item).encode())
        for name, value in body.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def texts(content_type: str, body: Body, field: str, size: int) -> Iterator[Attack]:
    """Yield bodies just below `size` bytes whose field is one long text.

    What JSON has reached a field by, a form need not all send again.
    """
    names = UNITS if content_type == JSON else FORM_UNITS
    for name in names:
        unit, before, after = UNITS[name]
        cost = len(encode(content_type, {"": unit * 64})) - len(encode(content_type, {"": ""}))
        room = size - len(encode(content_type, body | {field: before + after}))
        text = before + unit * (room * 64 // cost - 1) + after
        yield name, encode(content_type, body | {field: text})


def json_values(body: Body, field: str, size: int) -> Iterator[Attack]:
    """Yield JSON just below `size` bytes whose field is a number or a nest that Python resents."""
    others = json.dumps({key: value for key, value in body.items() if key != field})[1:-1]
    room = size - len(others.encode()) - len(field.encode()) - 20
    nests = {name: NESTS[name] for name in FIELD_NESTS}
    for name, make in (NUMBERS | nests).items():
        tail = f", {others}" if others else ""
        yield name, f'{{"{field}": {make(room)}{tail}}}'.encode()


def repeated(content_type: str, body: Body, field: str) -> Iterator[Attack]:
    """Yield forms whose key comes more often than any array is long."""
    for count in (101, 900):
        yield f"{count} times", encode(content_type, body | {field: ["1"] * count})


def wholes(content_type: str, size: int) -> Iterator[Attack]:
    """Yield bodies just below `size` bytes that are hostile as a whole."""
    makers: dict[str, dict[str, Callable[[int], bytes]]] = {
        JSON: {
            "many keys": lambda size: json.dumps({f"k{n}": n for n in range(size // 17)}).encode(),
            "a long key": lambda size: json.dumps({"k" * (size - 100): [1] * 10}).encode(),
            "a long key of an array": lambda size: json.dumps(
                {"k" * (size // 2): [1] * 101}
            ).encode(),
            "escapes": lambda size: b'{"a": "' + b"\\u0041" * (size // 6 - 3) + b'"}',
            "surrogates": lambda size: b'{"a": "' + b"\\ud800" * (size // 6 - 3) + b'"}',
            "backslashes, left open": lambda size: b'{"a": "' + b"\\\\" * (size // 2 - 5),
            **{name: _encoded(make) for name, make in NESTS.items()},
        },
        FORM: {
            "ampersands": lambda size: b"&" * size,
            "100,000 keys": lambda size: b"a&" * (size // 2),
            "equal signs": lambda size: b"=" * size,
            "percent signs": lambda size: b"%" * size,
            "plus signs": lambda size: b"a=" + b"+" * (size - 2),
            "one key": lambda size: b"k" * size,
        },
        MULTIPART: {
            "many parts": lambda size: _part("a", b"1") * (size // 64),
            "many parts without a name": lambda size: b"--frontier\r\n\r\n\r\n" * (size // 16),
            "many boundaries": lambda size: b"--frontier\r\n" * (size // 12),
            "half boundaries": lambda size: _part("a", b"\r\n--frontie" * (size // 11 - 20)),
            "line ends": lambda size: _part("a", b"\r\n" * (size // 2 - 100)),
            "dashes": lambda size: b"-" * size,
            "a long header": lambda size: (
                b"--frontier\r\nContent-Disposition: " + b";" * (size - 99)
            ),
            "base64": lambda size: _part("a", b"QQ==\r\n" * (size // 6 - 50), encoding="base64"),
            "no end": lambda size: _part("a", b"a" * (size - 200))[:-2],
        },
    }
    for name, make in makers[content_type].items():
        yield name, make(size)


def files(size: int) -> Iterator[Attack]:
    """Yield multipart bodies just below `size` bytes with a part that is a file."""
    for encoding in ("", "base64"):
        part = _part("portrait", b"QUFB" * (size // 4 - 100), filename="a.png", encoding=encoding)
        yield f"a file {encoding}", part + b"--frontier--\r\n"
    many = b"".join(_part("portrait", b"1", filename="a") for _ in range(size // 100))
    yield "many files", many + b"--frontier--\r\n"


def queries(most: int) -> Iterator[tuple[str, str]]:
    """Yield values of a query parameter, quoted, of at most so many characters."""
    for name, (unit, before, after) in UNITS.items():
        piece = quote(unit)
        room = most - len(quote(before + after))
        yield name, quote(before) + piece * (room // len(piece)) + quote(after)
    yield "words", "+".join(["a"] * (most // 2))
    yield "quoted words", "%22a+" * (most // 5)


def _encoded(make: Callable[[int], str]) -> Callable[[int], bytes]:
    return lambda size: make(size).encode()


def _part(name: str, value: bytes, *, filename: str = "", encoding: str = "") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    head += f'; filename="{filename}"' if filename else ""
    head += f"\r\nContent-Transfer-Encoding: {encoding}" if encoding else ""
    return head.encode() + b"\r\n\r\n" + value + b"\r\n"
