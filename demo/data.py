"""The README's demo accounts: what they are, and how a database is known to hold them."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.hashers import check_password
from django.db import transaction
from django.utils import timezone
from knox.crypto import hash_token
from knox.models import AuthToken

from accounts.models import Doctor, Patient, Session, User
from accounts.sessions import expiry_of
from ledger import services as ledger
from ledger.models import Transaction, TransactionKind
from qaorder.models import DiagnosisTag, Drug

PASSWORD = "feiqingsong"  # noqa: S105 (published in the README, refused in production)
PATIENTS = {
    "patient1": {"name": "患者一", "invitation_code": "123"},
    "patient2": {"name": "患者二", "invitation_code": "1234"},
}
DOCTORS: dict[str, dict[str, Any]] = {
    "doctor1": {
        "user": {"name": "李医生", "invitation_code": "123456"},
        "profile": {
            "licence_number": "110000000000001",
            "hospital": "肺轻松示范医院",
            "department": "呼吸内科",
            "title": "主任医师",
            "introduction": "擅长肺结核、哮喘与慢阻肺的诊治。",
            "online_price_fen": 1500,
            "monthly_price_fen": 7000,
        },
    },
    "doctor2": {
        "user": {"name": "王医生", "invitation_code": "1234567"},
        "profile": {
            "licence_number": "110000000000002",
            "hospital": "肺轻松示范医院",
            "department": "胸外科",
            "title": "副主任医师",
            "introduction": "擅长肺结节随访与手术评估。",
            "online_price_fen": 1900,
            "monthly_price_fen": 9900,
        },
    },
}
STAFF = "admin"
# The tokens printed in the published API document, so that its curl lines work.
TOKENS = {
    "patient1": "48cebaf1955b6f45ee76515dbed221a1f229dd69",
    "doctor1": "5fcfbbe09e2c7b18f4e5f2cca1f0511e9255ab49",
}
OPENING_FEN = 10_000
# Begins the reference of an entry that only a demo has. The ledger forgets nothing, so this mark
# stays whatever becomes of the accounts.
MARK = "demo:"


def traces() -> Iterator[str]:
    """Yield, in words, what the database has of a demo."""
    if Transaction.objects.filter(reference__startswith=MARK).exists():
        yield "the mark of load_demo in its ledger"
    if AuthToken.objects.filter(digest__in=map(hash_token, TOKENS.values())).exists():
        yield "a token of the published document"
    names = [*PATIENTS, *DOCTORS, STAFF]
    users = User.objects.filter(username__in=names).values_list("username", "password")
    for username, encoded in users:
        if check_password(PASSWORD, encoded):
            yield f"the account {username} with the password of the README"


@transaction.atomic
def load() -> None:
    """Make the demo accounts that are not there yet, and renew the published tokens."""
    for username, fields in PATIENTS.items():
        Patient.objects.get_or_create(user=_user(username, **fields))
    for username, parts in DOCTORS.items():
        user = _user(username, **parts["user"])
        Doctor.objects.get_or_create(user=user, defaults=parts["profile"] | {"is_verified": True})
    staff = _user(STAFF, name="客服", is_staff=True, is_superuser=True)
    _open_balance(User.objects.get(username="patient1"))
    _catalogue(User.objects.get(username="doctor1"), staff)
    for username, token in TOKENS.items():
        _token(User.objects.get(username=username), token)


def _user(username: str, **fields: Any) -> User:
    user = User.objects.filter(username=username).first()
    return user or User.objects.create_user(username=username, password=PASSWORD, **fields)


def _open_balance(user: User) -> None:
    reference = f"{MARK}{user.pk}"
    if not Transaction.objects.filter(reference=reference).exists():
        legs = {ledger.platform(): -OPENING_FEN, ledger.wallet(user): OPENING_FEN}
        ledger.post(TransactionKind.ADJUSTMENT, reference, legs)


def _catalogue(doctor: User, staff: User) -> None:
    DiagnosisTag.objects.get_or_create(
        owner=staff, name="哮喘", defaults={"description": "支气管哮喘", "is_shared": True}
    )
    DiagnosisTag.objects.get_or_create(
        owner=doctor, name="肺结核", defaults={"description": "继发性肺结核"}
    )
    Drug.objects.get_or_create(
        owner=doctor,
        name="头孢",
        defaults={
            "standard": "0.25*20s",
            "total_dosage": "125mg*10盒(瓶)",
            "each_dosage": "0.5g",
            "day_times": "3次/天",
        },
    )


def _token(user: User, digits: str) -> None:
    """Make the published token, or as good as new."""
    now = timezone.now()
    token, _ = AuthToken.objects.update_or_create(
        digest=hash_token(digits),
        defaults={"user": user, "created": now, "expiry": expiry_of(now, now)},
    )
    Session.objects.get_or_create(token=token)
