"""What counts as a page, and what of a page's size."""

import pytest

from tests.support.people import client_for, make_doctor

URL = "/accounts/doctors/"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "page", ["０", "１", "1_0", " 1", "+1", "0", "-1", "last", "1.0", "9" * 900]
)
def test_a_page_is_plain_digits_of_a_page_that_is_there(page):
    doctors = [make_doctor() for _ in range(11)]

    response = client_for(doctors[0].user).get(URL, {"page": page, "page_size": "1"})

    assert response.status_code == 404
    assert response.json() == {"detail": "Not found."}


@pytest.mark.django_db
@pytest.mark.parametrize("size", ["null", "", "0", "-1", "abc", "9" * 5000])
def test_a_bad_page_size_counts_as_ten(size):
    doctors = [make_doctor() for _ in range(11)]

    response = client_for(doctors[0].user).get(URL, {"page_size": size})

    assert response.status_code == 200
    assert len(response.json()["results"]) == 10
