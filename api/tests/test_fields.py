"""What counts as an http URL and how times look."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict
from rest_framework import serializers

from api.fields import (
    HTTP_URL,
    BooleanField,
    ChoiceField,
    IntegerField,
    ListField,
    TextField,
    YuanField,
)


@pytest.mark.parametrize(
    "url",
    ["http://a", "https://a.cn/1.jpg?x=1#y", "HTTP://A.CN", "http://中国.cn/图", "http://123.jpg"],
)
def test_http_and_https_urls_of_a_host_are_taken(url):
    HTTP_URL(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a",
        "http:",
        "http://",
        "http:///a",
        "http://?a",
        "http://#a",
        "ftp://a",
        "javascript://a",
        " http://a",
        "http://a\n",
        "http://a b",
        "http://a\tb",
        "javascript:alert('http://a')",
        "javascript://a/?http://b",
        "x\nhttp://a",
    ],
)
def test_anything_else_is_no_url(url):
    with pytest.raises(ValidationError):
        HTTP_URL(url)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2017, 3, 23, 2, 11, 26, 514808, UTC), "2017-03-23T10:11:26.514808"),
        (datetime(2017, 3, 23, 2, 11, 26, 0, UTC), "2017-03-23T10:11:26.000000"),
        (datetime(2017, 12, 31, 16, 0, 0, 1, UTC), "2018-01-01T00:00:00.000001"),
        # China kept summer time in 1991.
        (datetime(1991, 7, 1, 0, 0, 0, 0, UTC), "1991-07-01T09:00:00.000000"),
    ],
)
def test_times_are_shanghais_with_six_digits_and_no_offset(moment, text):
    assert serializers.DateTimeField().to_representation(moment) == text


def test_a_price_names_its_range():
    field = YuanField(min_fen=1)

    with pytest.raises(serializers.ValidationError) as refused:
        field.run_validation("0.00")

    assert "0.01 到 50000.00" in str(refused.value)


def refuse(value: Any) -> None:
    raise AssertionError("looked at a value that is too long")


@pytest.mark.parametrize("text", ["a" * 6, " " * 6, " a    ", "\0" * 6, "ﬁ" * 6])
def test_a_text_that_is_too_long_is_measured_as_sent_and_not_looked_at(text):
    field = TextField(max_length=5, validators=[refuse])

    with pytest.raises(serializers.ValidationError) as refused:
        field.run_validation(text)

    assert refused.value.get_codes() == ["max_length"]


@pytest.mark.parametrize("value", [1, 1.5, True, [], ["a"] * 10_000, {}, {"a": 1}])
def test_what_is_no_text_is_refused_before_it_is_measured(value):
    with pytest.raises(serializers.ValidationError) as refused:
        TextField(max_length=5, validators=[refuse]).run_validation(value)

    assert refused.value.get_codes() == ["invalid"]


@pytest.mark.parametrize("items", [["a"] * 4, [[]] * 4, ["a" * 6] * 100_000])
def test_an_array_is_counted_before_any_item_is_looked_at(items):
    with pytest.raises(serializers.ValidationError) as refused:
        ListField(child=TextField(max_length=5, validators=[refuse]), max_length=3).run_validation(
            items
        )

    assert refused.value.get_codes() == ["max_length"]


def test_the_first_bad_item_is_the_only_one_reported():
    with pytest.raises(serializers.ValidationError) as refused:
        ListField(child=TextField(max_length=5)).run_validation(["a", 1, 2, 3])

    assert list(refused.value.detail) == [1]


def test_a_url_is_judged_in_linear_time():
    start = time.process_time()

    with pytest.raises(ValidationError):
        HTTP_URL("http://" + "a" * 5_000_000 + " b")

    assert time.process_time() - start < 1


@pytest.mark.parametrize("value", ["banana", "", "null", "2", "１", None, 1, 0, 0.0, 2, [], {}])
def test_what_is_no_boolean_is_none(value):
    with pytest.raises(serializers.ValidationError):
        BooleanField().run_validation(value)


@pytest.mark.parametrize(("value", "flag"), [(True, True), ("true", True), ("0", False)])
def test_a_boolean_has_its_usual_spellings_as_text(value, flag):
    assert BooleanField().run_validation(value) is flag


@pytest.mark.parametrize(
    "value", ["1_0", "１", " 1", "1.0", "+1", "", "a", "9" * 20, True, 1.5, []]
)
def test_what_is_no_integer_is_none(value):
    with pytest.raises(serializers.ValidationError):
        IntegerField().run_validation(value)


@pytest.mark.parametrize(("value", "number"), [(5, 5), ("5", 5), ("-5", -5), (5.0, 5)])
def test_an_integer_may_be_text_of_digits(value, number):
    assert IntegerField().run_validation(value) == number


@pytest.mark.parametrize("value", ["secret", 5, None, True, ["secret"], {"secret": 1}])
def test_a_bad_choice_is_not_repeated(value):
    with pytest.raises(serializers.ValidationError) as refused:
        ChoiceField(choices=[("a", "甲")]).run_validation(value)

    assert "secret" not in str(refused.value)


def test_a_form_is_taken_as_it_was_sent():
    class Form(serializers.Serializer[Any]):
        text = TextField(max_length=5, required=False, allow_blank=True)
        flag = BooleanField(required=False)
        number = IntegerField(required=False)
        items = ListField(child=TextField(max_length=5), required=False)

    missing = Form(data=QueryDict("text="))
    blank = Form(data=QueryDict("flag=&number=&items[99999999999999]=a"))

    assert missing.is_valid()
    assert missing.validated_data == {"text": ""}
    assert not blank.is_valid()
    assert set(blank.errors) == {"flag", "number"}
