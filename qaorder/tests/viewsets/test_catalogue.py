"""Diagnosis tags and drugs: create, list, change, delete."""

import pytest

from qaorder.models import DiagnosisTag, Drug, Status
from tests.support.books import picture
from tests.support.people import (
    answer,
    client_for,
    make_doctor,
    make_user,
    order_in,
)

KEYS = {
    "diagnosis_tag": ["pk", "owner", "name", "description"],
    "drug": ["pk", "owner", "name", "standard", "total_dosage", "each_dosage", "day_times"],
}
MODELS = {"diagnosis_tag": DiagnosisTag, "drug": Drug}
pytestmark = pytest.mark.django_db
both_kinds = pytest.mark.parametrize("kind", KEYS)


def body_for(kind, **changes):
    return {key: f"{key} 一" for key in KEYS[kind][2:]} | changes


@both_kinds
def test_a_new_entry_is_the_callers_with_exactly_its_keys(kind):
    doctor = make_doctor("doctor1")

    response = client_for(doctor.user).post(f"/qaorder/{kind}/create/", body_for(kind))

    entry = MODELS[kind].objects.get()
    assert response.status_code == 201
    assert list(response.json().items()) == [
        ("pk", entry.pk),
        ("owner", "doctor1"),
        *body_for(kind).items(),
    ]
    assert entry.owner == doctor.user


@both_kinds
def test_only_the_name_is_required(kind):
    response = client_for(make_doctor().user).post(f"/qaorder/{kind}/create/", {"name": "甲"})

    assert response.status_code == 201
    assert [response.json()[key] for key in KEYS[kind][3:]] == [""] * len(KEYS[kind][3:])


@both_kinds
@pytest.mark.parametrize("name", ["", "  ", None, "长" * 101, ["x"], {"x": 1}, "a\x00"])
@pytest.mark.parametrize("method", ["post", "put"])
def test_a_bad_name_is_refused_and_nothing_changes(kind, name, method):
    doctor = make_doctor()
    entry = MODELS[kind].objects.create(owner=doctor.user, name="甲")
    client = client_for(doctor.user)
    before = picture()
    url = f"/qaorder/{kind}/create/" if method == "post" else f"/qaorder/{kind}/{entry.pk}/"

    response = getattr(client, method)(url, {"name": name}, format="json")

    assert response.status_code == 400
    assert list(response.json()) == ["name"]
    assert picture() == before


@both_kinds
def test_owner_and_pk_are_not_the_clients_to_set(kind):
    doctor, other = make_doctor(), make_doctor("other")

    response = client_for(doctor.user).post(
        f"/qaorder/{kind}/create/",
        {"name": "甲", "owner": "other", "pk": 777, "owner_id": other.pk},
    )

    entry = MODELS[kind].objects.get()
    assert response.status_code == 201
    assert entry.owner == doctor.user
    assert entry.pk != 777


@both_kinds
def test_the_list_holds_own_and_shared_ones_newest_first(kind):
    model, doctor = MODELS[kind], make_doctor()
    own = model.objects.create(owner=doctor.user, name="甲")
    model.objects.create(owner=make_doctor().user, name="别人的")
    shared = model.objects.create(
        owner=make_user("staff", is_staff=True), name="共享", is_shared=True
    )

    rows = client_for(doctor.user).get(f"/qaorder/{kind}/list/").json()["results"]

    assert [row["pk"] for row in rows] == [shared.pk, own.pk]
    assert [list(row) for row in rows] == [KEYS[kind]] * 2
    assert rows[0]["owner"] == "staff"


@both_kinds
@pytest.mark.parametrize(
    ("search", "found"),
    [("", 3), ("  ", 3), ("肺", 2), ("肺 结核", 1), ("%", 0), ("_", 0), ("没有", 0), ("%00", 3)],
)
def test_search_finds_every_word_in_name_or_second_text(kind, search, found):
    model, doctor = MODELS[kind], make_doctor()
    second = KEYS[kind][3]
    model.objects.create(owner=doctor.user, name="肺结核")
    model.objects.create(owner=doctor.user, name="哮喘", **{second: "肺"})
    model.objects.create(owner=doctor.user, name="感冒")

    body = client_for(doctor.user).get(f"/qaorder/{kind}/list/?search={search}").json()

    assert body["count"] == found


@both_kinds
@pytest.mark.parametrize("size", [1, 100])
def test_a_page_costs_three_queries_whatever_its_size(kind, size, django_assert_num_queries):
    doctor = make_doctor()
    for number in range(30):
        MODELS[kind].objects.create(owner=doctor.user, name=f"{number}")
    client = client_for(doctor.user)

    with django_assert_num_queries(3):
        rows = client.get(f"/qaorder/{kind}/list/?page_size={size}").json()["results"]

    assert len(rows) == min(size, 30)


@both_kinds
def test_a_shared_entry_is_not_changed_or_deleted(kind):
    shared = MODELS[kind].objects.create(
        owner=make_user(is_staff=True), name="共享", is_shared=True
    )
    client = client_for(make_doctor().user)
    before = picture()

    changed = client.put(f"/qaorder/{kind}/{shared.pk}/", {"name": "甲"})
    deleted = client.delete(f"/qaorder/{kind}/{shared.pk}/")

    assert (changed.status_code, deleted.status_code) == (403, 403)
    assert changed.json() == deleted.json() == {"detail": "共享的条目不能修改"}
    assert picture() == before


@both_kinds
def test_another_doctors_entry_is_404(kind):
    theirs = MODELS[kind].objects.create(owner=make_doctor().user, name="甲")
    client = client_for(make_doctor().user)
    before = picture()

    changed = client.put(f"/qaorder/{kind}/{theirs.pk}/", {"name": ""})
    deleted = client.delete(f"/qaorder/{kind}/{theirs.pk}/")

    assert changed.content == deleted.content == b'{"detail":"Not found."}'
    assert picture() == before


@both_kinds
@pytest.mark.parametrize("method", ["put", "delete"])
def test_an_answer_keeps_what_it_was_given(kind, method):
    order = order_in(Status.WAITING)
    entry = MODELS[kind].objects.create(owner=order.doctor.user, **body_for(kind))
    given = {"diagnosis_tags" if kind == "diagnosis_tag" else "drugs": [entry]}
    answer(order.question, **given)
    client = client_for(order.doctor.user)
    url = f"/qaorder/order/detail/{order.order_number}/"
    before = client.get(url).content

    response = getattr(client, method)(f"/qaorder/{kind}/{entry.pk}/", {"name": "乙"})

    assert response.status_code == (200 if method == "put" else 204)
    assert client.get(url).content == before
    assert not MODELS[kind].objects.filter(name="name 一").exists()


@both_kinds
def test_put_changes_the_entry(kind):
    doctor = make_doctor("doctor1")
    entry = MODELS[kind].objects.create(owner=doctor.user, name="甲")

    response = client_for(doctor.user).put(f"/qaorder/{kind}/{entry.pk}/", body_for(kind))

    entry.refresh_from_db()
    assert response.status_code == 200
    assert list(response.json()) == KEYS[kind]
    assert entry.name == "name 一"


@both_kinds
def test_what_staff_own_is_not_shared_by_that(kind):
    staff = make_doctor(user=make_user("staff", is_staff=True)).user
    entry = MODELS[kind].objects.create(owner=staff, name="自己的")
    client_for(staff).post(f"/qaorder/{kind}/create/", body_for(kind))

    rows = client_for(make_doctor().user).get(f"/qaorder/{kind}/list/").json()["results"]

    assert rows == []
    assert not MODELS[kind].objects.filter(is_shared=True).exists()
    assert client_for(staff).put(f"/qaorder/{kind}/{entry.pk}/", {"name": "改"}).status_code == 200


@both_kinds
@pytest.mark.parametrize("value", [True, "true", 1])
def test_nothing_sent_shares_an_entry(kind, value):
    doctor = make_doctor()
    entry = MODELS[kind].objects.create(owner=doctor.user, name="甲")
    client = client_for(doctor.user)
    body = body_for(kind, is_shared=value, shared=value)

    client.post(f"/qaorder/{kind}/create/", body, format="json")
    client.put(f"/qaorder/{kind}/{entry.pk}/", body, format="json")

    assert list(MODELS[kind].objects.values_list("is_shared", flat=True)) == [False, False]


@both_kinds
def test_once_shared_an_entry_is_no_longer_its_owners_to_change(kind):
    doctor = make_doctor()
    entry = MODELS[kind].objects.create(owner=doctor.user, name="甲", is_shared=True)
    client = client_for(doctor.user)
    before = picture()

    changed = client.put(f"/qaorder/{kind}/{entry.pk}/", {"name": "毒"})
    deleted = client.delete(f"/qaorder/{kind}/{entry.pk}/")

    assert (changed.status_code, deleted.status_code) == (403, 403)
    assert picture() == before
