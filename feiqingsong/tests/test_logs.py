"""No secret and no medical text reaches the log."""

import logging

import pytest
from rest_framework.test import APIClient

from qaorder.models import Status
from tests.support.people import PASSWORD, client_for, make_doctor, order_in

CONDITION = "咳嗽三周伴有低热"
ALLERGY = "青霉素过敏"
RESULT = "考虑支气管炎"
SUGGESTION = "一周后复查胸片"
PRIVATE = (CONDITION, ALLERGY, RESULT, SUGGESTION)


@pytest.fixture
def log(caplog):
    """Everything that any logger says, at its most talkative."""
    quiet = logging.getLogger("django.db.backends")
    level = quiet.level
    quiet.setLevel(logging.WARNING)
    with caplog.at_level(logging.DEBUG):
        yield caplog
    quiet.setLevel(level)


@pytest.mark.django_db(transaction=True)
def test_a_whole_consultation_leaves_no_secret_in_the_log(log, provider):
    doctor = make_doctor("doctor1")
    anonymous = APIClient()
    session = {"username": "patient1", "password": "a-very-private-password"}
    token = anonymous.post("/accounts/register/", session).json()["token"]
    second = anonymous.post("/accounts/login/", session).json()["token"]
    anonymous.post("/accounts/login/", {"username": "patient1", "password": "guessed-password"})
    anonymous.get("/accounts/me/", HTTP_AUTHORIZATION=f"Token {token[::-1]}")
    patient = APIClient()
    patient.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    number = patient.post(
        "/qaorder/order/create/", {"doctor": "doctor1", "order_type": "online"}
    ).json()["order_number"]
    charge = patient.patch(f"/qaorder/order/pay/{number}/", {"channel": "alipay"}).json()["charge"]
    provider.pay_and_tell(charge["id"])

    question = patient.post(
        "/qaorder/question/create/",
        {"order": number, "condition_description": CONDITION, "allergy_history": ALLERGY},
    )
    for_doctor = client_for(doctor.user)
    for_doctor.post(
        "/qaorder/answer/create/",
        {
            "question": question.json()["pk"],
            "diagnosis_result": RESULT,
            "extra_suggestion": SUGGESTION,
        },
    )
    patient.put(f"/qaorder/order/finish/{number}/")
    evaluated = patient.put(
        f"/qaorder/order/evaluate/{number}/", {"scores": 5, "content": "非常满意的一次"}
    )
    patient.post(
        "/accounts/password/",
        {"old_password": session["password"], "new_password": "an-even-more-private-one"},
    )

    text = log.text
    secrets = (token, second, token[::-1], session["password"], "guessed-password")
    assert evaluated.status_code == 200
    assert text
    assert [secret for secret in secrets if secret in text] == []
    assert "an-even-more-private-one" not in text
    assert [words for words in (*PRIVATE, "非常满意的一次") if words in text] == []
    assert charge["credential"]["alipay"]["orderInfo"] not in text


@pytest.mark.django_db
def test_refused_requests_leave_no_secret_in_the_log(log):
    order = order_in(Status.UNPAID)
    client = client_for(order.patient.user)
    long = CONDITION * 500

    answers = [
        client.post("/accounts/register/", {"username": "a b", "password": "refused-password"}),
        client.post("/accounts/password/", {"old_password": "wrong-old", "new_password": "x"}),
        client.post(
            "/qaorder/question/create/",
            {"order": order.order_number, "condition_description": CONDITION},
        ),
        client.post(
            "/qaorder/question/create/",
            {"order": order.order_number, "condition_description": long},
        ),
        client.generic(
            "POST",
            "/qaorder/question/create/",
            f'{{"condition_description": "{CONDITION}"',
            "application/json",
        ),
        client.generic("POST", "/qaorder/question/create/", CONDITION, "text/plain"),
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400, 400, 400, 415]
    assert log.text
    assert CONDITION not in log.text
    assert "refused-password" not in log.text
    assert "wrong-old" not in log.text
    assert PASSWORD not in log.text
