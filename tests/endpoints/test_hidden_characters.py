"""Text that strangers read holds nothing that hides or turns it round; every text is classified."""

import pytest
from django.db import transaction

from tests.endpoints.access_matrix import WITH_BODY
from tests.support.world import Cast

LINES = {"username", "name", "licence_number", "hospital", "department", "title"}
TEXTS = {
    "content",
    "description",
    "standard",
    "total_dosage",
    "each_dosage",
    "day_times",
}
NOT_SHOWN = {
    # Looked up, compared, hashed or chosen from a list.
    "order",
    "question",
    "doctor",
    "order_type",
    "channel",
    "amount",
    "password",
    "old_password",
    "new_password",
    "code",
    "inviter_code",
    "online_price",
    "monthly_price",
    # URLs have a rule of their own.
    "avatar",
    "desc_files",
    # Between a patient and the doctor: pasted from anywhere, and read by nobody else.
    "allergy_history",
    "smoke_history",
    "condition_description",
    "diagnosis_result",
    "extra_suggestion",
    "reason",
}
LOOKED_UP = {"POST /accounts/login/", "POST /accounts/password/reset/"}
CASES = [
    (row, field)
    for row in WITH_BODY
    for field, value in row.body.items()
    if isinstance(value, str) and not (field == "username" and row.name in LOOKED_UP)
]
HIDDEN = ["\u202e", "\u2066", "\u200f", "\x07", "\x1b", "\x85"]
pytestmark = pytest.mark.django_db


def test_every_text_that_can_be_sent_is_classified():
    fields = {field for _, field in CASES}

    assert fields <= LINES | TEXTS | NOT_SHOWN | {"introduction"}


@pytest.mark.parametrize(
    ("row", "field"),
    [case for case in CASES if case[1] in LINES | TEXTS | {"introduction"}],
    ids=lambda part: part if isinstance(part, str) else part.name,
)
def test_a_text_that_strangers_read_holds_no_hidden_characters(row, field):
    world = Cast(row.status)
    role = "other_patient" if "apply" in row.url else row.actor
    bad = [*HIDDEN, *(["\n"] if field in LINES else [])]
    found = {}

    for text in [*bad, "\n字" if field not in LINES else "字"]:
        with transaction.atomic():
            body = row.body | {field: f"字{text}字"}
            response = world.send(row._replace(body=body), role)
            refused = response.status_code == 400 and list(response.json()) == [field]
            found[text] = refused or response.status_code
            transaction.set_rollback(True)

    assert {text: found[text] for text in bad} == dict.fromkeys(bad, True)
    assert [status for text, status in found.items() if text not in bad][0] < 300
