"""POST /accounts/register/"""

import re
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.exceptions import ValidationError
from rest_framework.test import APIClient

from accounts import services
from accounts.models import Doctor, Patient, User
from tests.support.people import client_for, make_doctor, make_patient

URL = "/accounts/register/"
GOOD = {"username": "newcomer", "password": "a-long-secret"}
pytestmark = pytest.mark.django_db


def register(**fields):
    return APIClient().post(URL, GOOD | fields, format="json")


def test_registering_makes_a_patient_and_answers_token_expiry_and_user():
    response = register(name="新人", avatar="http://example.com/1.jpg")

    user = User.objects.get(username="newcomer")
    body = response.json()
    assert response.status_code == 201
    assert list(body) == ["token", "expiry", "user"]
    assert re.fullmatch(r"[0-9a-f]{40}", body["token"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", body["expiry"])
    assert list(body["user"].items()) == [
        ("pk", user.pk),
        ("owner", "newcomer"),
        ("invitation_code", user.invitation_code),
        ("name", "新人"),
        ("avatar", "http://example.com/1.jpg"),
        ("patient", user.patient.pk),
        ("doctor", None),
    ]


def test_name_and_avatar_default_to_blank():
    user = register().json()["user"]

    assert (user["name"], user["avatar"]) == ("", "")


def test_the_token_works_at_once_for_thirty_days():
    token = register().json()["token"]

    response = APIClient().get("/accounts/me/", HTTP_AUTHORIZATION=f"Token {token}")

    left = AuthToken.objects.get().expiry - timezone.now()
    assert response.status_code == 200
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)


def test_everybody_gets_a_code_of_their_own():
    codes = {register(username=f"newcomer{n}").json()["user"]["invitation_code"] for n in range(20)}

    assert len(codes) == 20
    assert all(re.fullmatch(r"[2-9A-HJKMNP-Z]{8}", code) for code in codes)


def test_the_inviter_is_recorded():
    inviter = make_patient(invitation_code="ABCD2345").user

    response = register(inviter_code="ABCD2345")

    assert response.status_code == 201
    assert User.objects.get(username="newcomer").inviter == inviter


@pytest.mark.parametrize("code", ["", "  "])
def test_a_blank_inviter_code_names_nobody(code):
    make_patient(invitation_code="")

    response = register(inviter_code=code)

    assert response.status_code == 201
    assert User.objects.get(username="newcomer").inviter is None


def test_an_unknown_inviter_code_is_refused():
    response = register(inviter_code="NOBODYS1")

    assert response.status_code == 400
    assert response.json() == {"inviter_code": ["邀请码不存在。"]}
    assert not User.objects.exists()


def test_a_deactivated_inviter_is_nobody():
    make_patient(invitation_code="ABCD2345", is_active=False)

    response = register(inviter_code="ABCD2345")

    assert response.status_code == 400
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "spelling", ["zhang", "Zhang", "ZHANG", "ｚｈａｎｇ", " zhang ", "zhɑng", "ᴢhang"]
)
def test_a_taken_name_is_refused_in_any_spelling(spelling):
    make_patient("zhang")

    response = register(username=spelling)

    assert response.status_code == 400
    assert response.json() == {"username": ["该用户名已被注册。"]}
    assert User.objects.count() == 1
    assert not AuthToken.objects.exists()


def test_a_full_width_name_is_kept_plain_and_logs_in_either_way():
    response = register(username="ｌｉ")

    spellings = ("ｌｉ", "li")
    answers = [
        APIClient().post("/accounts/login/", GOOD | {"username": spelling})
        for spelling in spellings
    ]
    assert response.json()["user"]["owner"] == "li"
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    "username",
    [
        "",
        "   ",
        "a b",
        "a/b",
        "a\x00b",
        "<script>",
        "a" * 51,
        "名" * 51,
        "\ufdfa",  # One letter that becomes eighteen, spaces among them.
        "\ufdfa" * 50,
        "\u3392" * 20,  # "MHz" twenty times: sixty letters.
        "x",
        "ﬁ",  # Two letters once composed, but one was sent.
        "..",
        "dосtor1",
        "doctor1\u3164",
        "apply",
        "ＡＰＰＬＹ",
        "张三жук",
        "zhang😀",
        "q\u0301q\u0301",
        None,
        ["a"],
        {"a": 1},
    ],
)
def test_a_name_that_could_not_stand_in_a_url_is_refused(username):
    response = register(username=username)

    assert response.status_code == 400
    assert list(response.json()) == ["username"]
    assert not User.objects.exists()


@pytest.mark.parametrize("username", ["张三", "a.b@c+d-e_f", "x1", "名" * 50, "123"])
def test_names_of_any_script_are_taken(username):
    response = register(username=username)

    owner = response.json()["user"]["owner"]
    token = response.json()["token"]
    found = APIClient().get(f"/qaorder/user/{owner}/", HTTP_AUTHORIZATION=f"Token {token}")
    assert (response.status_code, owner) == (201, username)
    assert found.content == b'{"detail":"Not found."}'


def test_a_long_name_is_refused_before_it_is_composed():
    # Composing this takes half a minute.
    started = time.process_time()

    response = register(username="a" + "\u0300\u0323" * 40_000)

    assert list(response.json()) == ["username"]
    assert time.process_time() - started < 1


def test_a_twin_that_was_faster_makes_the_same_field_error():
    register(username="zhang")

    with pytest.raises(ValidationError) as error:
        services.register_patient(username="zhɑng", password="a-long-secret")

    assert error.value.detail == {"username": ["该用户名已被注册。"]}
    assert User.objects.count() == 1


@pytest.mark.parametrize("name", ["官方客服", "肺 轻 松", "Admin", "张\u202e三", "x\u200b", "a\nb"])
def test_a_name_does_not_pose_or_hide(name):
    response = register(name=name)

    assert response.status_code == 400
    assert list(response.json()) == ["name"]
    assert not User.objects.exists()


def test_a_bad_name_and_a_bad_password_are_both_named():
    response = register(username="..", password="..feiqingsong..")

    assert list(response.json()) == ["username", "password"]


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("newcomer1", "用户名太相似"),
        ("feiqingsong", "本服务的名称"),
        ("        ", "不能全是空白"),
        ("", "不能为空"),
        ("short", "密码太短，至少需要 8 个字符。"),
        ("password", "常见"),
        ("83729164502", "数字"),
        ("a" * 129, "128"),
        ("long-enough\x00", "空字符"),
        (None, "不能为"),
    ],
)
def test_a_weak_or_impossible_password_is_refused_in_chinese(password, words):
    response = register(password=password)

    assert response.status_code == 400
    assert list(response.json()) == ["password"]
    assert words in "".join(response.json()["password"])
    assert not User.objects.exists()


def test_spaces_around_a_password_belong_to_it():
    register(password="  a-long-secret  ")

    user = User.objects.get()
    assert user.check_password("  a-long-secret  ")
    assert not user.check_password("a-long-secret")


@pytest.mark.parametrize(
    "avatar",
    [
        "javascript:alert(1)",
        "javascript:alert('http://a.cn')",
        "data:text/html,x",
        "ftp://a/b",
        "http://",
        "x" * 501,
        "//a/b",
    ],
)
def test_an_avatar_must_be_an_http_url(avatar):
    response = register(avatar=avatar)

    assert response.status_code == 400
    assert list(response.json()) == ["avatar"]
    assert not User.objects.exists()


def test_missing_fields_are_all_named():
    response = APIClient().post(URL, {}, format="json")

    assert response.status_code == 400
    assert response.json() == {"username": ["该字段是必填项。"], "password": ["该字段是必填项。"]}


def test_nothing_sent_makes_staff_a_doctor_or_money():
    response = register(
        is_staff=True,
        is_superuser=True,
        is_active=False,
        is_doctor=True,
        doctor={"licence_number": "1"},
        groups=[1],
        balance="100.00",
        invitation_code="MINE",
        pk=777,
        id=777,
    )

    user = User.objects.get()
    assert response.status_code == 201
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)
    assert user.pk != 777
    assert user.invitation_code != "MINE"
    assert Patient.objects.count() == 1
    assert not Doctor.objects.exists()
    assert client_for(user).get("/accounts/balance/").json() == {"balance": "0.00"}


@pytest.mark.parametrize("header", ["Token " + "0" * 40, "Token", "Basic eDp5", "nonsense"])
def test_the_authorization_header_is_not_looked_at(header):
    response = APIClient().post(URL, GOOD, HTTP_AUTHORIZATION=header)

    assert response.status_code == 201


def test_the_password_is_kept_hashed():
    register()

    assert "a-long-secret" not in User.objects.get().password


def test_a_doctors_code_invites_too():
    doctor = make_doctor()
    User.objects.filter(pk=doctor.user_id).update(invitation_code="D0CT0R")

    response = register(inviter_code="D0CT0R")

    assert response.status_code == 201
    assert User.objects.get(username="newcomer").inviter_id == doctor.user_id
