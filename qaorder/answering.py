"""Asking and answering."""

import json
from collections.abc import Iterable
from typing import Any

from django.db import transaction

from accounts.doctor_applications import require_verified
from accounts.models import Doctor, User
from api.errors import CannotAsk
from qaorder.lifecycle import Event, Role, advance
from qaorder.models import Answer, DiagnosisTag, Drug, Order, Question

TAG_FIELDS = ("name", "description")
DRUG_FIELDS = ("name", "standard", "total_dosage", "each_dosage", "day_times")


@transaction.atomic
def ask_question(
    *,
    order: Order,
    actor: User,
    condition_description: str,
    allergy_history: str = "",
    smoke_history: str = "",
    files: Iterable[str] = (),
) -> Question:
    """Put the question of a paid order, once, to a verified doctor.  Raises: CannotAsk."""
    # The move first: its update locks the order, so of two requests one ends here.
    advance(order, Event.ASK, Role.PATIENT, actor)
    if not Doctor.objects.filter(pk=order.doctor_id, is_verified=True).exists():
        raise CannotAsk
    return Question.objects.create(
        order=order,
        allergy_history=allergy_history,
        smoke_history=smoke_history,
        condition_description=condition_description,
        # The document has one text with commas; a comma inside a URL must not split it.
        desc_files=",".join(url.replace(",", "%2C") for url in files),
    )


@transaction.atomic
def answer_question(
    *,
    question: Question,
    actor: User,
    diagnosis_tags: Iterable[DiagnosisTag],
    drugs: Iterable[Drug],
    diagnosis_result: str,
    extra_suggestion: str = "",
) -> Answer:
    """Answer a waiting question once, keeping copies of tags and drugs.

    Raises: CannotAnswer; PermissionDenied unless the doctor is verified.
    """
    advance(question.order, Event.ANSWER, Role.DOCTOR, actor)
    # Locked, where asking only reads: an answer stands, a question can still be refunded.
    require_verified(question.order.doctor_id)
    return Answer.objects.create(
        question=question,
        diagnosis_tags=_copies(diagnosis_tags, TAG_FIELDS),
        drugs=_copies(drugs, DRUG_FIELDS),
        diagnosis_result=diagnosis_result,
        extra_suggestion=extra_suggestion,
    )


def _copies(entries: Iterable[Any], fields: tuple[str, ...]) -> str:
    """Return the entries as the JSON that the API shows, highest pk first."""
    copies = [
        {"pk": entry.pk, "owner": entry.owner.username}
        | {field: getattr(entry, field) for field in fields}
        for entry in sorted(entries, key=lambda entry: -entry.pk)
    ]
    return json.dumps(copies, ensure_ascii=False)
