"""Searches of the lists and of the admin: five words of fifty characters."""

from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse

from api.filters import TOO_MUCH, search_words
from qaorder.models import DiagnosisTag
from tests.support.people import client_for, make_doctor, make_user

LISTS = ["/accounts/doctors/", "/qaorder/diagnosis_tag/list/", "/qaorder/drug/list/"]
TOO_LONG = ["a b c d e f", "a" * 51, "a " * 1900, "\u3000".join("abcdef")]


@pytest.mark.parametrize(
    "text", ["", " ", "a b c d e", "  a   b ", "a" * 50, " ".join(["长" * 50] * 5)]
)
def test_five_words_of_fifty_characters_are_taken(text):
    assert search_words(text) == text.split()


@pytest.mark.parametrize("text", TOO_LONG)
def test_anything_beyond_is_refused(text):
    with pytest.raises(ValueError, match="最多 5 个词"):
        search_words(text)


@pytest.mark.django_db
@pytest.mark.parametrize("url", LISTS)
@pytest.mark.parametrize("text", TOO_LONG)
def test_a_search_beyond_is_400_in_its_name(url, text):
    response = client_for(make_doctor().user).get(url, {"search": text})

    assert response.status_code == 400
    assert response.json() == {"search": [TOO_MUCH]}


@pytest.mark.django_db
def test_a_bad_choice_is_refused_without_repeating_it():
    response = client_for(make_doctor().user).get("/accounts/doctors/", {"ordering": "secret"})

    assert response.status_code == 400
    assert response.json() == {"ordering": ["不是有效的选项。"]}


@pytest.fixture
def staff(client) -> Any:
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    return client


@pytest.mark.django_db
@pytest.mark.parametrize("text", [*TOO_LONG, '"a" b c d e f g', "'" * 2000])
def test_the_admin_finds_nothing_and_says_why(staff, text):
    DiagnosisTag.objects.create(owner=make_user(), name="a b c d e f")

    page = staff.get("/admin/qaorder/diagnosistag/", {"q": text})

    assert page.status_code == 200
    assert TOO_MUCH in page.content.decode()
    assert page.context["cl"].result_count == 0


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["\x00", '"', "a\\", "%", "a b c d e", "９" * 50, "a " * 1900])
def test_no_page_of_the_admin_breaks_on_a_search(staff, text):
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert staff.get(url, {"q": text}).status_code == 200, url
