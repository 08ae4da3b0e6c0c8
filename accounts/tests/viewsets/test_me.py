"""GET and PATCH /accounts/me/"""

from urllib.parse import urlencode

import pytest

from accounts.models import Doctor, Patient, User
from tests.support.books import picture
from tests.support.people import client_for, make_doctor, make_patient, make_user

URL = "/accounts/me/"
USER_KEYS = ["pk", "owner", "invitation_code", "name", "avatar", "patient", "doctor"]
DOCTOR_KEYS = [
    "hospital",
    "department",
    "title",
    "introduction",
    "online_price",
    "monthly_price",
    "is_accepting",
]
pytestmark = pytest.mark.django_db


def patch(user, **fields):
    return client_for(user).patch(URL, fields, format="json")


def test_a_patient_sees_the_user_and_nothing_of_a_doctor():
    patient = make_patient("patient1", name="患者一", invitation_code="123")

    response = client_for(patient.user).get(URL)

    assert response.status_code == 200
    assert list(response.json().items()) == [
        ("pk", patient.user.pk),
        ("owner", "patient1"),
        ("invitation_code", "123"),
        ("name", "患者一"),
        ("avatar", ""),
        ("patient", patient.pk),
        ("doctor", None),
    ]


def test_a_doctor_sees_their_profile_too():
    doctor = make_doctor(online_price_fen=1900, monthly_price_fen=9905, introduction="擅长哮喘")

    body = client_for(doctor.user).get(URL).json()

    assert list(body) == USER_KEYS + DOCTOR_KEYS
    assert (body["patient"], body["doctor"]) == (None, doctor.pk)
    assert [body[key] for key in DOCTOR_KEYS] == [
        "示范医院",
        "呼吸内科",
        "主任医师",
        "擅长哮喘",
        "19.00",
        "99.05",
        True,
    ]


def test_a_user_with_both_profiles_sees_both_pks():
    doctor = make_doctor()
    patient = Patient.objects.create(user=doctor.user)

    body = client_for(doctor.user).get(URL).json()

    assert (body["patient"], body["doctor"]) == (patient.pk, doctor.pk)


def test_staff_without_a_profile_see_the_user():
    body = client_for(make_user(is_staff=True)).get(URL).json()

    assert list(body) == USER_KEYS
    assert (body["patient"], body["doctor"]) == (None, None)


def test_a_patient_changes_name_and_avatar():
    user = make_patient(name="旧").user

    response = patch(user, name="新", avatar="https://example.com/a.png")

    user.refresh_from_db()
    assert response.status_code == 200
    assert list(response.json()) == USER_KEYS
    assert (response.json()["name"], user.name) == ("新", "新")
    assert user.avatar == "https://example.com/a.png"


def test_what_is_not_sent_stays():
    doctor = make_doctor(introduction="擅长哮喘")

    response = patch(doctor.user, name="新")

    doctor.refresh_from_db()
    assert response.json()["name"] == "新"
    assert (doctor.introduction, doctor.online_price_fen) == ("擅长哮喘", 1500)


def test_name_and_avatar_may_be_blanked():
    user = make_patient(name="旧", avatar="http://example.com/1.jpg").user

    response = patch(user, name="", avatar="")

    user.refresh_from_db()
    assert response.status_code == 200
    assert (user.name, user.avatar) == ("", "")


def test_a_doctor_changes_introduction_prices_and_accepting():
    doctor = make_doctor()

    response = patch(
        doctor.user,
        introduction="擅长哮喘",
        online_price="0.01",
        monthly_price="50000.00",
        is_accepting=False,
    )

    doctor.refresh_from_db()
    body = response.json()
    assert [body[key] for key in DOCTOR_KEYS[3:]] == ["擅长哮喘", "0.01", "50000.00", False]
    assert (doctor.online_price_fen, doctor.monthly_price_fen) == (1, 5_000_000)
    assert doctor.is_accepting is False


@pytest.mark.parametrize("price", ["0", "0.00", "15", "15.5", 15])
def test_plain_prices_are_taken(price):
    doctor = make_doctor()

    response = patch(doctor.user, online_price=price)

    assert response.status_code == 200


@pytest.mark.parametrize("field", ["online_price", "monthly_price"])
@pytest.mark.parametrize(
    "price",
    [
        "",
        "-0.01",
        "-1",
        "50000.01",
        "1.001",
        "1e2",
        "１５",
        "0x10",
        " 15 . 00",
        "15,00",
        "015.00",
        ".5",
        "5.",
        "+5",
        "￥5",
        "NaN",
        "9" * 400,
        15.5,
        True,
        None,
        [],
        {},
        10**400,
    ],
)
def test_a_price_that_is_no_plain_amount_is_refused(field, price):
    doctor = make_doctor()
    client = client_for(doctor.user)
    before = picture()

    response = client.patch(URL, {"name": "新", field: price}, format="json")

    assert response.status_code == 400
    assert list(response.json()) == [field]
    assert picture() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "名" * 51),
        ("name", None),
        ("name", "a\x00"),
        ("avatar", "javascript:alert(1)"),
        ("avatar", "http://example.com/" + "a" * 500),
        ("introduction", "长" * 2001),
        ("introduction", ["a"]),
        ("is_accepting", "maybe"),
        ("is_accepting", None),
    ],
)
def test_a_bad_field_changes_none_of_them(field, value):
    doctor = make_doctor()
    client = client_for(doctor.user)
    before = picture()
    good = {"name": "新", "introduction": "新", "online_price": "1.00"}

    response = client.patch(URL, good | {field: value}, format="json")

    assert response.status_code == 400
    assert list(response.json()) == [field]
    assert picture() == before


def test_bad_fields_of_user_and_doctor_are_named_together():
    doctor = make_doctor()

    response = patch(doctor.user, avatar="x", online_price="-1")

    assert set(response.json()) == {"avatar", "online_price"}


def test_a_doctors_fields_from_a_patient_are_ignored():
    patient = make_patient()

    response = patch(patient.user, online_price="15.00", is_accepting=False)

    assert response.status_code == 200
    assert list(response.json()) == USER_KEYS
    assert not Doctor.objects.exists()


@pytest.mark.parametrize("content_type", ["json", "form", "multipart"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("is_accepting", "banana"),
        ("is_accepting", ""),
        ("is_accepting", "2"),
        ("online_price", "banana"),
        ("online_price", ""),
    ],
)
@pytest.mark.parametrize("make", [make_doctor, make_patient])
def test_a_value_of_a_wrong_type_is_refused_whoever_sends_it_and_how(
    make, field, value, content_type
):
    client = client_for(make().user)
    before = picture()

    if content_type == "form":
        form = "application/x-www-form-urlencoded"
        response = client.generic("PATCH", URL, urlencode({field: value}), form)
    else:
        response = client.patch(URL, {field: value}, format=content_type)

    assert response.status_code == 400
    assert list(response.json()) == [field]
    assert picture() == before


@pytest.mark.parametrize("content_type", ["multipart", "application/x-www-form-urlencoded"])
def test_a_form_changes_nothing_that_it_does_not_name(content_type):
    doctor = make_doctor(is_accepting=True, introduction="擅长哮喘")
    client = client_for(doctor.user)

    if content_type == "multipart":
        client.patch(URL, {"name": "新"}, format="multipart")
    else:
        client.generic("PATCH", URL, "name=%E6%96%B0", content_type)

    doctor.refresh_from_db()
    assert doctor.user.name == "新"
    assert (doctor.is_accepting, doctor.introduction) == (True, "擅长哮喘")


def test_everything_else_is_ignored():
    doctor = make_doctor("doctor1", is_verified=False)
    client = client_for(doctor.user)
    before = picture()

    response = client.patch(
        URL,
        {
            "owner": "other",
            "username": "other",
            "invitation_code": "MINE",
            "is_staff": True,
            "is_verified": True,
            "hospital": "别的医院",
            "title": "院长",
            "licence_number": "L-1",
            "online_price_fen": 1,
            "patient": 1,
            "password": "x",
        },
        format="json",
    )

    assert response.status_code == 200
    assert picture() == before


def test_a_new_price_leaves_placed_orders_as_they_are():
    doctor = make_doctor()
    client = client_for(make_patient().user)
    body = {"doctor": doctor.user.username, "order_type": "online"}
    number = client.post("/qaorder/order/create/", body).json()["order_number"]

    patch(doctor.user, online_price="99.00")

    shown = client.get(f"/qaorder/order/detail/{number}/").json()
    assert shown["amount"] == "15.00"
    assert client.post("/qaorder/order/create/", body).json()["amount"] == "99.00"


def test_the_new_name_shows_in_orders_at_once():
    patient, doctor = make_patient(), make_doctor()
    client = client_for(patient.user)
    body = {"doctor": doctor.user.username, "order_type": "online"}
    number = client.post("/qaorder/order/create/", body).json()["order_number"]

    patch(doctor.user, name="张医生")

    shown = client.get(f"/qaorder/order/detail/{number}/").json()
    assert shown["doctor"]["name"] == "张医生"
    assert User.objects.get(pk=doctor.user_id).name == "张医生"
    assert Doctor.objects.count() == 1
