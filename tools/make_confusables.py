"""Writes accounts/confusables.txt, Unicode's table of letters that look alike, out of ICU.

    python -m venv /tmp/icu && /tmp/icu/bin/pip install icukit-pyicu==78.3.1
    /tmp/icu/bin/python tools/make_confusables.py > accounts/confusables.txt

Each line: a code point, and the code points that stand for all that look like it (UTS 39, the
"prototype"), until nothing changes any more.
"""

import sys
from unicodedata import normalize

import icu

HEADER = f"""\
# Letters that look alike: Unicode {icu.UNICODE_VERSION} (UTS 39), by ICU {icu.ICU_VERSION}.
# Copyright © 1991-2025 Unicode, Inc., Unicode License V3, https://www.unicode.org/license.txt
# Made by tools/make_confusables.py; not to be edited by hand."""
SURROGATES = range(0xD800, 0xE000)


def main() -> None:
    skeleton = icu.SpoofChecker().getSkeleton
    print(HEADER)
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        if code in SURROGATES or normalize("NFD", letter) != letter:
            continue
        prototype, last = skeleton(0, letter), letter
        while prototype != last:
            prototype, last = skeleton(0, prototype), prototype
        # What ICU leaves out is invisible, which `regex` knows by itself.
        if prototype not in ("", letter):
            print(f"{code:04X}", *(f"{ord(part):04X}" for part in prototype))


main()
