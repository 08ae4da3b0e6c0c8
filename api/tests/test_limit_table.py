"""The limits are what the contract says; each can be set, and a bad value is refused by name."""

import pytest

from api import limit_table

BAD = ["0/60", "-1/60", "5/0", "0", "5/", "/5", "5/60/60", "five/60", "5/1h", "5.5/60", "٥/60"]


def test_the_table_is_the_contracts():
    assert {limit.name: (limit.many, limit.seconds) for limit in limit_table.TABLE} == {
        "FAILED_LOGINS_HERE": (5, 900),
        "FAILED_LOGINS_ELSEWHERE": (100, 3600),
        "FAILED_LOGINS_ADDRESS": (50, 900),
        "REGISTRATIONS": (20, 3600),
        "ORDERS": (60, 3600),
        "UNPAID_ORDERS": (20, None),
        "CHARGES": (30, 60),
        "UPLOADS": (60, 3600),
    }


@pytest.mark.parametrize("limit", limit_table.TABLE, ids=lambda limit: limit.name)
@pytest.mark.parametrize("value", BAD)
def test_a_rate_that_is_none_is_refused(limit, value):
    with pytest.raises(ValueError, match=r"^must be a count"):
        limit.parse(value)


@pytest.mark.parametrize("limit", limit_table.TABLE, ids=lambda limit: limit.name)
def test_a_rate_is_what_it_says(limit):
    value = "7" if limit.seconds is None else "7/70"

    assert limit.parse(value) == (7, None if limit.seconds is None else 70)
