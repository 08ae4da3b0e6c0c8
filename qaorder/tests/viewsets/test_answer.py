"""POST /qaorder/answer/create/"""

import pytest

from qaorder.models import Answer, DiagnosisTag, Drug, Status
from tests.support.books import picture
from tests.support.people import client_for, make_doctor, make_user, order_in

URL = "/qaorder/answer/create/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def order():
    return order_in(Status.WAITING)


def give(order, **fields):
    body = {"question": order.question.pk, "diagnosis_result": "支气管炎"} | fields
    return client_for(order.doctor.user).post(URL, body, format="json")


def test_answering_shows_the_answer_as_detail_does(order):
    response = give(order, extra_suggestion="多喝水")

    order.refresh_from_db()
    client = client_for(order.patient.user)
    shown = client.get(f"/qaorder/order/detail/{order.order_number}/").json()
    event = order.events.last()
    assert response.status_code == 201
    assert list(response.json().items()) == list(shown["answer"].items())
    assert (order.status, shown["status"]) == (Status.ANSWERED, 3)
    assert (event.event, event.role, event.actor) == ("answer", "doctor", order.doctor.user)


def test_tags_and_drugs_are_the_doctors_own_or_shared_and_run_highest_pk_first(order):
    staff = make_user("staff", is_staff=True)
    own = [DiagnosisTag.objects.create(owner=order.doctor.user, name=f"t{n}") for n in range(3)]
    shared = DiagnosisTag.objects.create(owner=staff, name="shared", is_shared=True)
    drugs = [Drug.objects.create(owner=order.doctor.user, name=f"d{n}") for n in range(2)]

    body = give(
        order,
        diagnosis_tag=[own[1].pk, shared.pk, own[0].pk, own[1].pk],
        drug=[drug.pk for drug in drugs],
    ).json()

    assert [tag["name"] for tag in body["diagnosis_tag"]] == ["shared", "t1", "t0"]
    assert body["diagnosis_tag"][0]["owner"] == "staff"
    assert [list(tag) for tag in body["diagnosis_tag"]] == [
        ["pk", "owner", "name", "description"]
    ] * 3
    assert [drug["name"] for drug in body["drug"]] == ["d1", "d0"]
    assert [list(drug) for drug in body["drug"]] == [
        ["pk", "owner", "name", "standard", "total_dosage", "each_dosage", "day_times"]
    ] * 2


def test_a_form_repeats_the_keys(order):
    tags = [DiagnosisTag.objects.create(owner=order.doctor.user, name=f"t{n}").pk for n in range(2)]
    text = f"question={order.question.pk}&diagnosis_result=x" + "".join(
        f"&diagnosis_tag={pk}" for pk in tags
    )

    response = client_for(order.doctor.user).generic(
        "POST", URL, text + "&drug=", "application/x-www-form-urlencoded"
    )

    assert [tag["pk"] for tag in response.json()["diagnosis_tag"]] == tags[::-1]
    assert response.json()["drug"] == []


@pytest.mark.parametrize("field", ["diagnosis_tag", "drug"])
def test_anothers_tag_or_drug_is_refused_like_one_that_does_not_exist(order, field):
    model = DiagnosisTag if field == "diagnosis_tag" else Drug
    theirs = model.objects.create(owner=make_doctor().user, name="x")
    patients = model.objects.create(owner=order.patient.user, name="x")
    client = client_for(order.doctor.user)
    before = picture()
    answers = {}

    for pk in (theirs.pk, patients.pk, 987654321, 2**63 - 1):
        body = {"question": order.question.pk, "diagnosis_result": "x", field: [pk]}
        answers[pk] = client.post(URL, body, format="json")

    assert {pk: answer.json() for pk, answer in answers.items()} == {
        pk: {field: [f"无效的选项：{pk}。"]} for pk in answers
    }
    assert picture() == before


@pytest.mark.parametrize("field", ["diagnosis_tag", "drug"])
@pytest.mark.parametrize(
    "value",
    [5, "5", {"pk": 1}, None, [0], [-1], [2**63], [None], [[1]], [True], ["a"], [1.5], [1] * 51],
)
def test_a_bad_pick_list_is_named(order, field, value):
    response = give(order, **{field: value})

    assert response.status_code == 400
    assert list(response.json()) == [field]
    assert not Answer.objects.exists()


@pytest.mark.parametrize("field", ["diagnosis_result", "extra_suggestion"])
@pytest.mark.parametrize("value", ["长" * 2001, None, ["x"], {"x": 1}, "a\x00b"])
def test_a_bad_text_is_named_and_nothing_changes(order, field, value):
    response = give(order, **{field: value})

    order.refresh_from_db()
    assert response.status_code == 400
    assert list(response.json()) == [field]
    assert order.status == Status.WAITING
    assert not Answer.objects.exists()


@pytest.mark.parametrize("body", [{}, {"diagnosis_result": ""}, {"diagnosis_result": "  "}])
def test_the_result_may_not_be_blank(order, body):
    client = client_for(order.doctor.user)

    response = client.post(URL, {"question": order.question.pk} | body, format="json")

    assert list(response.json()) == ["diagnosis_result"]
    assert not Answer.objects.exists()


@pytest.mark.parametrize(
    "status", [Status.ANSWERED, Status.FINISHED, Status.EVALUATED, Status.CANCELLED]
)
def test_in_any_other_status_it_is_refused_and_nothing_changes(status):
    order = order_in(status if status != Status.CANCELLED else Status.WAITING)
    client = client_for(order.doctor.user)
    if status == Status.CANCELLED:
        client.put(f"/qaorder/order/refuse/{order.order_number}/", {"reason": "专业不符"})
    before = picture()

    response = client.post(URL, {"question": order.question.pk, "diagnosis_result": "x"})

    assert response.status_code == 400
    assert response.content.decode() == '{"status":-8,"message":"不能回答问题"}'
    assert picture() == before


@pytest.mark.parametrize("pk", [987654321, 0, -1, 2**63, "x", None, [1]])
def test_a_question_that_is_not_the_callers_is_a_field_error(order, pk):
    theirs = order_in(Status.WAITING)
    client = client_for(order.doctor.user)

    answers = [
        client.post(URL, {"question": value, "diagnosis_result": "x"}, format="json")
        for value in (pk, theirs.question.pk)
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert all(list(answer.json()) == ["question"] for answer in answers)
    assert not Answer.objects.exists()
