"""Fen and yuan text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.money import split, to_fen, to_yuan

FEN = st.integers(min_value=0, max_value=99_999_999_999)


@given(FEN)
def test_yuan_text_comes_back_as_the_same_fen(fen):
    assert to_fen(to_yuan(fen)) == fen


@given(st.integers(min_value=-(10**14), max_value=10**14))
def test_yuan_text_has_a_sign_only_when_negative_and_two_decimals(fen):
    text = to_yuan(fen)

    whole, decimals = text.split(".")
    assert len(decimals) == 2
    assert text.startswith("-") == (fen < 0)
    assert int(whole + decimals) == fen


@given(st.integers(0, 999_999_999), st.integers(0, 9))
def test_one_decimal_and_none_mean_the_same_as_two(yuan, tenths):
    assert to_fen(f"{yuan}") == to_fen(f"{yuan}.0") == to_fen(f"{yuan}.00") == yuan * 100
    assert to_fen(f"{yuan}.{tenths}") == to_fen(f"{yuan}.{tenths}0") == yuan * 100 + tenths * 10


@given(FEN, st.integers(0, 9))
def test_a_third_decimal_is_never_rounded_away(fen, digit):
    with pytest.raises(ValueError, match="plain"):
        to_fen(f"{to_yuan(fen)}{digit}")


@given(st.text())
def test_any_text_is_an_amount_or_a_value_error(text):
    try:
        fen = to_fen(text)
    except ValueError:
        return
    assert text.isascii()
    assert 0 <= fen < 10**11


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1\n",
        "-1",
        "+1",
        "01",
        "1.",
        ".1",
        "1e2",
        "1_000",
        "1,000",
        "１",
        "1．00",
        "٣",
        "NaN",
        "Infinity",
        "0x1",
        "1.0.0",
        "1" * 10,
        "1" * 5000,
        "\x00",
    ],
)
def test_what_is_no_plain_amount_is_refused(text):
    with pytest.raises(ValueError, match="plain"):
        to_fen(text)


@pytest.mark.parametrize(
    ("fen", "yuan"),
    [
        (0, "0.00"),
        (1, "0.01"),
        (99, "0.99"),
        (100, "1.00"),
        (1500, "15.00"),
        (-5, "-0.05"),
        (-1500, "-15.00"),
    ],
)
def test_yuan_text_of(fen, yuan):
    assert to_yuan(fen) == yuan


@given(st.integers(0, 10**7), st.integers(0, 100))
def test_the_two_parts_of_a_split_sum_to_the_whole(amount, percent):
    share, rest = split(amount, percent)

    assert share + rest == amount
    assert 0 <= share <= amount
    assert share * 100 <= amount * percent < (share + 1) * 100


@pytest.mark.parametrize(
    ("amount", "percent", "parts"),
    [(1, 50, (0, 1)), (999, 10, (99, 900)), (1500, 0, (0, 1500)), (1500, 100, (1500, 0))],
)
def test_the_platforms_share_is_rounded_down(amount, percent, parts):
    assert split(amount, percent) == parts
