"""POST /accounts/doctors/apply/"""

import pytest

from accounts.models import Doctor
from feiqingsong.testing.factories import client_for, make_doctor, make_patient, make_user
from qaorder.tests.views.world import picture

URL = "/accounts/doctors/apply/"
GOOD = {
    "licence_number": "L-0001",
    "hospital": "协和医院",
    "department": "呼吸内科",
    "title": "主任医师",
    "introduction": "擅长哮喘",
}
pytestmark = pytest.mark.django_db


def apply(user, **fields):
    return client_for(user).post(URL, GOOD | fields, format="json")


def test_applying_makes_an_unverified_doctor_profile():
    patient = make_patient()

    response = apply(patient.user)

    doctor = Doctor.objects.get()
    assert response.status_code == 201
    assert (doctor.user, doctor.is_verified) == (patient.user, False)
    assert {key: getattr(doctor, key) for key in GOOD} == GOOD
    assert (doctor.online_price_fen, doctor.monthly_price_fen) == (0, 0)


def test_the_applicant_is_in_no_catalogue_and_takes_no_orders():
    applicant = make_patient().user
    apply(applicant)
    client = client_for(make_patient().user)

    ordered = client.post(
        "/qaorder/order/create/", {"doctor": applicant.username, "order_type": "online"}
    )

    assert client.get("/accounts/doctors/").json()["count"] == 0
    assert client.get(f"/accounts/doctors/{applicant.username}/").status_code == 404
    assert client.get(f"/qaorder/user/{applicant.username}/").status_code == 404
    assert ordered.status_code == 400
    assert ordered.json() == {"doctor": ["该医生不存在或暂不接单。"]}


def test_the_introduction_may_be_left_out():
    body = {key: value for key, value in GOOD.items() if key != "introduction"}

    response = client_for(make_user()).post(URL, body)

    assert response.status_code == 201
    assert Doctor.objects.get().introduction == ""


def test_applying_twice_is_refused():
    user = make_patient().user
    apply(user)
    client = client_for(user)
    before = picture()

    response = client.post(URL, GOOD | {"licence_number": "L-0002"}, format="json")

    assert response.status_code == 400
    assert response.json() == {"licence_number": ["您已经提交过医生申请。"]}
    assert picture() == before


def test_another_doctors_licence_is_refused():
    make_doctor(licence_number="L-0001")
    client = client_for(make_patient().user)
    before = picture()

    response = client.post(URL, GOOD, format="json")

    assert response.status_code == 400
    assert response.json() == {"licence_number": ["该执业证书编号已被使用。"]}
    assert picture() == before


def test_nothing_sent_verifies_or_prices():
    response = apply(
        make_patient().user, is_verified=True, online_price="1.00", online_price_fen=1, user_id=1
    )

    doctor = Doctor.objects.get()
    assert response.status_code == 201
    assert (doctor.is_verified, doctor.online_price_fen) == (False, 0)


@pytest.mark.parametrize("field", ["licence_number", "hospital", "department", "title"])
@pytest.mark.parametrize("value", ["", None, "长" * 101, ["a"], "a\x00"])
def test_a_bad_field_is_named_and_nothing_is_made(field, value):
    response = apply(make_patient().user, **{field: value})

    assert response.status_code == 400
    assert list(response.json()) == [field]
    assert not Doctor.objects.exists()
