"""Skeletons: which names are one to a reader."""

import pytest
import regex

from accounts.lookalikes import TABLE, skeletons

ALIKE = [
    ("zhang", "ZHANG"),
    ("doctor1", "dосtor1"),
    ("doctor1", "doctorl"),
    ("doctor1", "doctorI"),
    ("doctor1", "doctor1\u3164"),
    ("doctor1", "doc\u200btor1"),
    ("paypal", "paypаl"),
    ("paypal", "paypaI"),
    ("doctor0", "doctorO"),
    ("doctor0", "doctoro"),
    ("mike", "rnike"),
    ("boss", "ВОЅЅ"),
    ("straße", "STRASSE"),
    ("ıvan", "ivan"),
    ("İvan", "ivan"),
    ("Νίκος", "ΝΊΚΟΣ"),
    ("scope", "ѕсоре"),
    ("工人", "⼯⼈"),
]
DIFFERENT = [
    ("van", "nan"),
    ("lili", "liil"),
    ("zhang", "zhang1"),
    ("张三", "张二"),
    ("doctor1", "doctor2"),
    ("a-b", "ab"),
]


def are_alike(one, other):
    return any(a == b for a, b in zip(skeletons(one), skeletons(other), strict=True))


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_what_differs_by_case_or_by_letters_that_look_alike_shares_a_skeleton(one, other):
    assert one != other
    assert are_alike(one, other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_a_reader_tells_apart_shares_none(one, other):
    assert not are_alike(one, other)


def test_the_table_is_unicodes_with_its_version_and_licence():
    header, rows = [], []
    for line in TABLE.read_text("utf-8").splitlines():
        (header if line.startswith("#") else rows).append(line)

    assert "Unicode 17.0" in header[0]
    assert "License" in header[1]
    assert len(rows) > 5000
    assert all(regex.fullmatch(r"[0-9A-F]{4,6}( [0-9A-F]{4,6})+", row) for row in rows)
    assert TABLE.stat().st_size < 200_000
