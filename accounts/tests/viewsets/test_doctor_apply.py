"""POST /accounts/doctors/apply/"""

import pytest

from accounts.models import Doctor
from tests.support.books import picture
from tests.support.people import client_for, make_doctor, make_patient, make_user

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


@pytest.mark.parametrize("reason", ["", "编号有误"])
def test_an_application_that_is_open_or_turned_down_is_sent_again_corrected(reason):
    user = make_patient().user
    apply(user)
    Doctor.objects.update(turned_down_reason=reason)
    corrected = GOOD | {"licence_number": "L-0002", "hospital": "朝阳医院", "introduction": ""}

    response = client_for(user).post(URL, corrected, format="json")

    doctor = Doctor.objects.get()
    assert response.status_code == 201
    assert {key: getattr(doctor, key) for key in GOOD} == corrected
    assert (doctor.is_verified, doctor.turned_down_reason) == (False, "")


def test_a_doctor_whose_verification_was_withdrawn_may_apply_again():
    doctor = make_doctor(licence_number="L-0001", is_verified=False, online_price_fen=1500)

    response = apply(doctor.user)

    doctor.refresh_from_db()
    assert response.status_code == 201
    assert (doctor.is_verified, doctor.online_price_fen) == (False, 1500)
    assert doctor.hospital == GOOD["hospital"]


def test_a_verified_doctor_cannot_apply():
    doctor = make_doctor(licence_number="L-0001")
    client = client_for(doctor.user)
    before = picture()

    response = client.post(URL, GOOD, format="json")

    assert response.status_code == 400
    assert response.json() == {"licence_number": ["您已经通过医生认证。"]}
    assert picture() == before


@pytest.mark.parametrize("role", ["is_staff", "is_superuser"])
def test_staff_cannot_apply(role):
    client = client_for(make_user(**{role: True}))

    response = client.post(URL, GOOD, format="json")

    assert response.status_code == 403
    assert response.json() == {"detail": "工作人员账号不能申请成为医生"}
    assert not Doctor.objects.exists()


def test_who_only_claims_a_number_keeps_nobody_from_applying_with_it():
    make_doctor(licence_number="L-0001", is_verified=False)

    response = apply(make_patient().user)

    assert response.status_code == 201
    assert Doctor.objects.filter(licence_number="L-0001").count() == 2


def test_another_doctors_licence_is_refused():
    make_doctor(licence_number="L-0001")
    client = client_for(make_patient().user)
    before = picture()

    response = client.post(URL, GOOD | {"licence_number": "Ｌ-0001"}, format="json")

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
