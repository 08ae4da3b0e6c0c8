"""Asking and answering: once each, and an answer keeps what it was given."""

import json

import pytest
from django.db import IntegrityError, transaction

from api.errors import CannotAnswer, CannotAsk
from qaorder.models import Answer, DiagnosisTag, Drug, Order, Question, Status
from tests.support import books
from tests.support.people import answer, ask, make_user, order_in

pytestmark = pytest.mark.django_db


def test_a_question_moves_the_order_and_keeps_its_files():
    order = order_in(Status.PAID)

    question = ask(order, files=["http://a/1.jpg", "http://a/2,3.jpg"], smoke_history="无")

    order.refresh_from_db()
    assert order.status == Status.WAITING
    assert question.desc_files == "http://a/1.jpg,http://a/2%2C3.jpg"
    assert question.file_list == ["http://a/1.jpg", "http://a/2%2C3.jpg"]
    assert (question.smoke_history, question.allergy_history) == ("无", "")


def test_a_question_without_files_has_an_empty_list():
    assert ask(order_in(Status.PAID)).file_list == []


def test_an_order_takes_one_question_also_from_a_stale_request():
    order = order_in(Status.PAID)
    stale = Order.objects.get(pk=order.pk)
    ask(order)
    before = books.everything()

    with pytest.raises(CannotAsk), transaction.atomic():
        ask(stale)

    assert books.everything() == before


def test_a_question_takes_one_answer_also_from_a_stale_request():
    order = order_in(Status.WAITING)
    stale = Question.objects.select_related("order").get()
    answer(order.question)
    before = books.everything()

    with pytest.raises(CannotAnswer), transaction.atomic():
        answer(stale)

    assert books.everything() == before


def test_an_answer_keeps_tags_and_drugs_as_they_were_highest_pk_first():
    order = order_in(Status.WAITING)
    doctor, staff = order.doctor.user, make_user(is_staff=True)
    shared = DiagnosisTag.objects.create(owner=staff, name="哮喘", description="支气管哮喘")
    own = DiagnosisTag.objects.create(owner=doctor, name="肺结核", description="继发性")
    drug = Drug.objects.create(owner=doctor, name="头孢", standard="0.25*20s", day_times="3次/天")

    answer(order.question, diagnosis_tags=[shared, own], drugs=[drug])
    own.delete()
    Drug.objects.update(name="阿莫西林")

    kept = Answer.objects.get()
    assert [tag["pk"] for tag in json.loads(kept.diagnosis_tags)] == sorted(
        (tag["pk"] for tag in json.loads(kept.diagnosis_tags)), reverse=True
    )
    assert [(tag["name"], tag["owner"]) for tag in json.loads(kept.diagnosis_tags)] == [
        ("肺结核", doctor.username),
        ("哮喘", staff.username),
    ]
    assert json.loads(kept.drugs) == [
        {
            "pk": drug.pk,
            "owner": doctor.username,
            "name": "头孢",
            "standard": "0.25*20s",
            "total_dosage": "",
            "each_dosage": "",
            "day_times": "3次/天",
        }
    ]


def test_the_database_refuses_a_second_question_and_a_second_answer():
    order = order_in(Status.ANSWERED)
    question = order.question

    with pytest.raises(IntegrityError), transaction.atomic():
        Question.objects.create(order=order, condition_description="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        Answer.objects.create(question=question, diagnosis_result="x")
