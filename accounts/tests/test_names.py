"""What a username and a name may be."""

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.urls import URLPattern, get_resolver

from accounts.lookalikes import skeletons
from accounts.models import NAME_TAKEN, Doctor, User
from accounts.names import (
    BAD_USERNAME,
    OFFICIAL,
    RESERVED,
    RESERVED_USERNAME,
    STAFF_WORDS,
    check_name,
    check_username,
)
from api.text import HIDDEN
from tests.support.people import make_doctor, make_user


def refusal_of(check, text):
    try:
        check(text)
    except ValidationError as error:
        return error.messages[0]
    return ""


@pytest.mark.parametrize(
    "username",
    [
        "zhang",
        "张三",
        "张三li",
        "a.b@c+d-e_f",
        "13800138000",
        "1ж",
        "жук",
        "Νίκος",
        "straße",
        "한글",
        "ひらがな",
        "x..",
    ],
)
def test_letters_of_one_script_or_han_and_latin_with_digits_and_marks_are_a_username(username):
    assert refusal_of(check_username, username) == ""


@pytest.mark.parametrize(
    "username",
    [
        "dосtor1",
        "doctor1\u3164",
        "doctor1\u115f",
        "doctor\u200b1",
        "doctor\u00ad1",
        "doctor\u202e1",
        "\ufeffdoctor1",
        "doctor1\ufe0f",
        "..",
        ".a",
        "_a",
        "-a",
        "@a",
        "+1",
        "paypаl",
        "张三лю",
        "жukов",
        "ひら漢",
        "zhang😀",
        "q\u0301x",
        "a\u0301\u0301b",
        "٣٤",
        "ab٣",
        "a b",
        "a/b",
        "a%b",
        "a\\b",
        "ᏣᎳᎩ",
        "",
    ],
)
def test_mixed_scripts_invisible_letters_marks_and_signs_are_no_username(username):
    assert refusal_of(check_username, username) == BAD_USERNAME


@pytest.mark.parametrize(
    "username",
    [
        *(word for word in RESERVED if len(word) > 1),
        "ADMIN",
        "Root",
        "adrnin",
        "AdmIn",
        "r00t",
        "sessions",
        "password",
        "balance",
    ],
)
def test_what_passes_for_the_service_or_for_its_urls_is_reserved(username):
    assert refusal_of(check_username, username) == RESERVED_USERNAME


def literal_neighbours(patterns):
    """What stands in a URL where its neighbour has a username."""
    patterns = list(patterns)
    routes = [str(p.pattern) for p in patterns if isinstance(p, URLPattern)]
    for route in routes:
        if "<username:" in route:
            before = route.split("<username:")[0]
            for other in routes:
                if other.startswith(before) and not other[len(before) :].startswith("<"):
                    yield other[len(before) :].split("/")[0]
    for pattern in patterns:
        if hasattr(pattern, "url_patterns") and not str(pattern.pattern).startswith("admin"):
            yield from literal_neighbours(pattern.url_patterns)


def test_no_username_can_hide_behind_a_url_of_ours():
    words = set(filter(None, literal_neighbours(get_resolver().url_patterns)))

    assert "apply" in words
    assert {refusal_of(check_username, word) for word in words} == {RESERVED_USERNAME}


@pytest.mark.parametrize(
    "name",
    ["", "张三", "李 四", "John O'Neill", "Νίκος", "badminton", "sysadmin", "官僚", "方官", "😀"],
)
def test_a_name_is_free_otherwise(name):
    assert refusal_of(check_name, name) == ""


@pytest.mark.parametrize(
    "name",
    [
        *OFFICIAL,
        "官方客服",
        "我是官 方",
        "官·方",
        "官\u0332方",
        "肺-轻-松助手",
        "⽅官方",
        "「客」「服」",
        *STAFF_WORDS,
        "Admin",
        "ＡＤＭＩＮ",
        "аdmin",
        "admin医生",
        "肺科 system",
        "Staff 1",
        "ádmin",
        "ѕуѕtеm",
    ],
)
def test_a_name_does_not_pose_as_the_service(name):
    assert "不能使用" in refusal_of(check_name, name)


@pytest.mark.parametrize(
    "name",
    [
        "a\u202eb",
        "\u200f张三",
        "张\u2067三",
        "x\u200b",
        "x\u00ad",
        "\u3164",
        "\u2800",
        "x\ufe0f",
        "a\nb",
        "a\tb",
        "\x7f",
        "\x9f",
        "x\u2028",
        "\ue000",
        "\U000e0041",
        "\uffff",
        "x\u0378",
    ],
)
def test_a_name_holds_nothing_that_a_reader_does_not_see(name):
    assert refusal_of(check_name, name) == HIDDEN


@pytest.mark.django_db
def test_every_account_gets_its_skeletons_however_it_is_made():
    call_command("createsuperuser", username="Root", email="", interactive=False, verbosity=0)
    call_command("load_demo", verbosity=0)
    make_user("Müller")

    users = User.objects.all()
    assert len(users) == 7
    assert all((u.skeleton, u.typed_skeleton) == skeletons(u.username) for u in users)


@pytest.mark.django_db
@pytest.mark.parametrize("username", ["ADMIN", "аdmin", "ａＤmin", "adrnin"])
def test_a_superuser_whose_name_is_taken_is_a_plain_error(username):
    make_user("admin")

    with pytest.raises(CommandError) as error:
        call_command("createsuperuser", username=username, email="", interactive=False)

    assert str(error.value) == NAME_TAKEN
    assert User.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["hospital", "department", "title", "introduction"])
def test_what_a_doctor_says_of_himself_is_checked_wherever_it_is_written(field):
    doctor = make_doctor()
    setattr(doctor, field, "a\u202eb")

    with pytest.raises(ValidationError) as error:
        doctor.full_clean()

    assert list(error.value.message_dict) == [field]
    doctor.introduction = "一\n二"
    assert Doctor._meta.get_field("introduction").clean("一\n二", doctor) == "一\n二"
