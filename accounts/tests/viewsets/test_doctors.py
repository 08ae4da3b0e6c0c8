"""GET /accounts/doctors/ and /accounts/doctors/${username}/"""

import pytest

from accounts.models import User
from qaorder.models import Evaluation, Order
from tests.support.people import client_for, make_doctor, make_patient, make_user

URL = "/accounts/doctors/"
KEYS = [
    "pk",
    "owner",
    "name",
    "avatar",
    "hospital",
    "department",
    "title",
    "introduction",
    "online_price",
    "monthly_price",
    "is_accepting",
    "scores_average",
    "evaluation_count",
]
pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    return client_for(make_patient().user)


def rate(doctor, *scores):
    """Evaluations without the consultations that led to them."""
    for number, stars in enumerate(scores):
        patient = make_patient()
        order = Order.objects.create(
            order_number=f"{doctor.pk:010d}{number:016d}",
            patient=patient,
            doctor=doctor,
            order_type="online",
            amount_fen=1500,
            pay_deadline=patient.created_at,
        )
        Evaluation.objects.create(
            order=order, doctor=doctor, evaluate_type="online", scores=stars, content="好"
        )


def owners(response):
    return [row["owner"] for row in response.json()["results"]]


def test_a_doctor_is_shown_with_exactly_the_catalogues_keys(client):
    doctor = make_doctor("doctor1", introduction="擅长哮喘")
    rate(doctor, 5, 4)

    response = client.get(URL)

    assert response.status_code == 200
    assert list(response.json()) == ["count", "next", "previous", "results"]
    assert list(response.json()["results"][0].items()) == list(
        zip(
            KEYS,
            [
                doctor.pk,
                "doctor1",
                "",
                "",
                "示范医院",
                "呼吸内科",
                "主任医师",
                "擅长哮喘",
                "15.00",
                "70.00",
                True,
                4.5,
                2,
            ],
            strict=True,
        )
    )


def test_only_verified_and_active_doctors_are_there_newest_first(client):
    make_doctor("first")
    make_doctor("unverified", is_verified=False)
    make_doctor("gone", user=make_user("gone", is_active=False))
    make_doctor("resting", is_accepting=False)

    response = client.get(URL)

    assert owners(response) == ["resting", "first"]
    assert [row["is_accepting"] for row in response.json()["results"]] == [False, True]


@pytest.mark.parametrize(
    ("scores", "shown"),
    [
        ((), "null"),
        ((5,), "5.0"),
        ((5, 4, 4), "4.3"),
        ((5, 5, 4), "4.7"),
        # 4.25 and 4.75 and 3.25: half goes up, neither to even nor down.
        ((5, 4, 4, 4), "4.3"),
        ((5, 5, 5, 4), "4.8"),
        ((1, 4, 4, 4), "3.3"),
        ((1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2), "1.1"),
    ],
)
def test_the_average_has_one_decimal_with_half_up(client, scores, shown):
    rate(make_doctor("doctor1"), *scores)

    text = client.get(f"{URL}doctor1/").content.decode()

    assert f'"scores_average":{shown},"evaluation_count":{len(scores)}' in text


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("张", {"zhang"}),
        ("协和", {"zhang", "li"}),
        ("哮喘", {"li"}),
        ("ZHANG", {"zhang"}),
        ("呼吸", {"zhang"}),
        ("副主任", {"li"}),
        ("协和 哮喘", {"li"}),
        ("协和  没有", set()),
        ("%", set()),
        ("_", set()),
        ("", {"zhang", "li"}),
        ("   ", {"zhang", "li"}),
    ],
)
def test_search_finds_every_word_in_any_of_the_texts(client, words, found):
    make_doctor("zhang", hospital="协和医院", department="呼吸内科", title="主任")
    make_doctor(
        "li", hospital="协和医院", department="胸外科", title="副主任", introduction="擅长哮喘"
    )
    User.objects.filter(username="zhang").update(name="张三")

    response = client.get(URL, {"search": words})

    assert set(owners(response)) == found


def test_search_does_not_find_what_is_not_shown(client):
    make_doctor("zhang", licence_number="SECRET-1")

    response = client.get(URL, {"search": "SECRET"})

    assert owners(response) == []


@pytest.mark.parametrize(
    ("department", "found"),
    [("呼吸内科", ["a"]), ("呼吸", []), ("", ["b", "a"]), ("没有", [])],
)
def test_department_matches_whole_and_a_blank_one_counts_as_absent(client, department, found):
    make_doctor("a", department="呼吸内科")
    make_doctor("b", department="胸外科")

    response = client.get(URL, {"department": department})

    assert owners(response) == found


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("online_price", ["b", "a", "new", "c"]),
        ("-online_price", ["c", "new", "a", "b"]),
        ("monthly_price", ["c", "a", "new", "b"]),
        ("-monthly_price", ["b", "new", "a", "c"]),
        ("scores_average", ["c", "a", "b", "new"]),
        ("-scores_average", ["b", "a", "c", "new"]),
        ("evaluation_count", ["new", "b", "c", "a"]),
        ("-evaluation_count", ["a", "c", "b", "new"]),
        ("", ["new", "c", "b", "a"]),
    ],
)
def test_ordering_is_by_the_field_and_doctors_without_scores_come_last(client, ordering, expected):
    a = make_doctor("a", online_price_fen=1000, monthly_price_fen=5000)
    b = make_doctor("b", online_price_fen=500, monthly_price_fen=9000)
    c = make_doctor("c", online_price_fen=2000, monthly_price_fen=4000)
    make_doctor("new", online_price_fen=1500, monthly_price_fen=7000)
    rate(a, 4, 4, 4)
    rate(b, 5)
    rate(c, 1, 2)

    response = client.get(URL, {"ordering": ordering})

    assert owners(response) == expected


@pytest.mark.parametrize("ordering", ["name", "-licence_number", "pk", "--online_price", "?"])
def test_an_ordering_that_is_none_is_refused(client, ordering):
    response = client.get(URL, {"ordering": ordering})

    assert response.status_code == 400
    assert list(response.json()) == ["ordering"]


def test_equal_prices_are_in_a_stable_order_over_pages(client):
    made = [make_doctor(f"d{number}").user.username for number in range(7)]

    seen = []
    for page in (1, 2, 3):
        seen += owners(client.get(URL, {"ordering": "online_price", "page_size": 3, "page": page}))

    assert seen == made[::-1]


def test_links_keep_the_filters_and_put_page_before_page_size(client):
    for number in range(3):
        make_doctor(f"d{number}", department="胸外科")

    body = client.get(
        URL, {"page_size": 1, "page": 2, "department": "胸外科", "ordering": "online_price"}
    ).json()

    assert body["count"] == 3
    assert body["next"].startswith("http://testserver/accounts/doctors/?department=%E8")
    assert body["next"].endswith("&ordering=online_price&page=3&page_size=1")
    assert body["previous"].endswith("&ordering=online_price&page_size=1")


def test_one_doctor_answers_as_in_the_list(client):
    doctor = make_doctor("doctor1")
    rate(doctor, 5)

    response = client.get(f"{URL}doctor1/")

    assert response.status_code == 200
    assert response.json() == client.get(URL).json()["results"][0]


@pytest.mark.parametrize("username", ["nobody", "unverified", "inactive", "patient_a", "DOCTOR_A"])
def test_who_is_no_verified_doctor_is_404(client, username):
    make_doctor("doctor_a")
    make_doctor("unverified", is_verified=False)
    make_doctor(user=make_user("inactive", is_active=False))
    make_patient("patient_a")

    response = client.get(f"{URL}{username}/")

    assert response.status_code == 404
    assert response.content == b'{"detail":"Not found."}'


@pytest.mark.parametrize("size", [1, 100])
def test_a_page_costs_the_same_three_queries_whatever_its_size(
    client, size, django_assert_num_queries
):
    for number in range(30):
        rate(make_doctor(f"d{number}"), 5)

    with django_assert_num_queries(3):
        response = client.get(URL, {"page_size": size})

    assert len(response.json()["results"]) == min(size, 30)
