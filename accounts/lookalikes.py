"""Which names look alike: skeletons by Unicode's table of confusable letters (UTS 39)."""

from functools import cache
from pathlib import Path
from unicodedata import normalize

import regex

TABLE = Path(__file__).with_name("confusables.txt")
_INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")


def skeletons(text: str) -> tuple[str, str]:
    """Return what the text looks like whatever its case, and what it looks like as it is typed.

    Two texts that share either differ only by case or by letters that look alike. One alone
    misses some: in capitals I is an l, in small letters it is not; Greek Ν is an N, ν is a v.
    Shape: not for display.  Source: UTS 39, section 4.
    """
    return _folded(text), _folded(_skeleton(text))


def _folded(text: str) -> str:
    # The dot of a small i is there already: İ is an I to every reader.
    return _skeleton(text.casefold()).replace("i\u0307", "i")


def _skeleton(text: str) -> str:
    visible = _INVISIBLE.sub("", normalize("NFD", text))
    return normalize("NFD", visible.translate(_prototypes()))


@cache
def _prototypes() -> dict[int, str]:
    rows = (line.split() for line in TABLE.read_text("utf-8").splitlines() if line[0] != "#")
    return {int(code, 16): "".join(chr(int(part, 16)) for part in parts) for code, *parts in rows}
