"""What counts as an http URL and how times look."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from rest_framework import serializers

from feiqingsong.fields import HTTP_URL, YuanField


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
