"""How many queries a page and a detail cost, login included, whatever the size of the page."""

import pytest

from qaorder.models import DiagnosisTag, Drug, Status
from tests.support import people
from tests.support.people import client_for, make_doctor, make_patient

BUDGET = 4
ROWS = 12
LISTS = [
    ("patient", "/qaorder/order/patient/list/?"),
    ("doctor", "/qaorder/order/doctor/list/?"),
    ("patient", "/qaorder/order/patient/list/?status=3&"),
    ("doctor", "/qaorder/order/doctor/list/qa/?"),
    ("patient", "/qaorder/order/patient/list/qa/?"),
    ("patient", "/qaorder/order/filter/?status=3&"),
    ("doctor", "/qaorder/order/filter/?status=3&"),
]
pytestmark = pytest.mark.django_db


@pytest.fixture
def answered():
    """Orders with question, answer, tags and drugs."""
    patient, doctor = make_patient(), make_doctor()
    tags = [DiagnosisTag.objects.create(owner=doctor.user, name=f"t{n}") for n in range(3)]
    drugs = [Drug.objects.create(owner=doctor.user, name=f"d{n}") for n in range(3)]
    orders = []
    for _ in range(ROWS):
        order = people.order_in(Status.WAITING, patient, doctor)
        people.answer(order.question, diagnosis_tags=tags, drugs=drugs)
        orders.append(order)
    return orders


def count(client, url, counter):
    with counter(BUDGET) as captured:
        response = client.get(url)
    assert response.status_code == 200
    return len(captured), response.json()


@pytest.mark.parametrize(("position", "url"), LISTS)
def test_a_list_costs_the_same_few_queries_for_one_row_and_a_hundred(
    answered, position, url, django_assert_max_num_queries
):
    client = client_for(getattr(answered[0], position).user)

    one, short = count(client, f"{url}page_size=1", django_assert_max_num_queries)
    many, long = count(client, f"{url}page_size=100", django_assert_max_num_queries)

    assert one == many
    assert (len(short["results"]), len(long["results"])) == (1, ROWS)
    assert len(long["results"][-1]["answer"]["drug"]) == 3


@pytest.mark.parametrize("position", ["patient", "doctor"])
@pytest.mark.parametrize("path", ["detail/{number}/", "{position}/newone/?username={other}"])
def test_a_single_order_keeps_to_the_budget(
    answered, position, path, django_assert_max_num_queries
):
    order = answered[0]
    other = order.doctor if position == "patient" else order.patient
    path = path.format(number=order.order_number, position=position, other=other.user.username)
    client = client_for(getattr(order, position).user)

    _, body = count(client, f"/qaorder/order/{path}", django_assert_max_num_queries)

    assert len(body["answer"]["diagnosis_tag"]) == 3


def test_evaluations_records_and_periods_keep_to_the_budget(django_assert_max_num_queries):
    patient, doctor = make_patient(), make_doctor()
    for _ in range(ROWS):
        people.order_in(Status.EVALUATED, patient, doctor)
        people.pay(people.place_order(patient, doctor, "monthly"))
    urls = {
        f"/qaorder/user/{doctor.user.username}/?": doctor.user,
        f"/qaorder/patient/inquiry/record/{patient.pk}/?": doctor.user,
        "/qaorder/subscription/list/?": patient.user,
    }

    for url, user in urls.items():
        client = client_for(user)
        one, short = count(client, f"{url}page_size=1", django_assert_max_num_queries)
        many, long = count(client, f"{url}page_size=100", django_assert_max_num_queries)
        assert one == many
        assert len(short["results"]) == 1
        assert len(long["results"]) >= ROWS
