"""The people and things that one order is about."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import Patient, Session, User
from accounts.services import issue_token, make_reset_code
from qaorder.models import DiagnosisTag, Drug, Status
from tests.support import people

PROFILELESS = ("staff", "superuser")
KNOWN = ("patient", "other_patient", "doctor", "other_doctor", "both", *PROFILELESS)
"""Roles with a good token: the order's two sides first, then people outside it."""
UNKNOWN = ("anonymous", "garbage", "expired", "revoked", "inactive")
"""Roles without one."""
ROLES = (*UNKNOWN, *KNOWN)
NO_SUCH_NUMBER = "9" * 26
NO_SUCH_PK = 987654321


class World:
    """One order in one status (or refunded), everybody who may look at it, a tag and a drug."""

    def __init__(self, status: Status | None = None, *, is_refunded: bool = False) -> None:
        self.patient = people.make_patient("owner1", balance_fen=5000)
        self.doctor = people.make_doctor("doctor1")
        self.order = people.order_in(status or Status.UNPAID, self.patient, self.doctor)
        if is_refunded:
            people.refund(self.order)
            self.order.refresh_from_db()
        self.tag = DiagnosisTag.objects.create(owner=self.doctor.user, name="哮喘")
        self.reset_code = make_reset_code(people.make_user("forgetful"))
        self.session = Session.objects.get(token=issue_token(self.patient.user)[0])
        self.drug = Drug.objects.create(owner=self.doctor.user, name="头孢")

    def user(self, role: str) -> User:
        """The user of a role, made on first use."""
        if role in ("patient", "doctor"):
            return getattr(self, role).user
        user = User.objects.filter(username=role).first()
        if user is None:
            user = self._make(role)
        return user

    def client(self, role: str) -> APIClient:
        """A client that sends what somebody in this role would send."""
        if role == "anonymous":
            return APIClient()
        if role == "garbage":
            client = APIClient()
            client.credentials(HTTP_AUTHORIZATION="Token " + "0" * 40)
            return client
        if role not in UNKNOWN:
            return people.client_for(self.user(role))
        # A side of the order, whose token alone keeps them out.
        client = people.client_for(self.patient.user)
        tokens = AuthToken.objects.filter(user=self.patient.user)
        if role == "expired":
            tokens.update(expiry=timezone.now() - timedelta(seconds=1))
        elif role == "revoked":
            tokens.delete()
        else:
            User.objects.filter(pk=self.patient.user.pk).update(is_active=False)
        return client

    def fill(self, template: Any) -> Any:
        """Put this world's names and numbers into a URL or, item by item, into a body."""
        if isinstance(template, dict):
            return {key: self.fill(value) for key, value in template.items()}
        if isinstance(template, list):
            return [self.fill(value) for value in template]
        if not isinstance(template, str):
            return template
        return template.format(
            order=self.order.order_number,
            owner=self.patient.user.username,
            doctor=self.doctor.user.username,
            patient_pk=self.patient.pk,
            question=self.order.question.pk if hasattr(self.order, "question") else NO_SUCH_PK,
            tag=self.tag.pk,
            drug=self.drug.pk,
            password=people.PASSWORD,
            session=self.session.pk,
            reset_code=self.reset_code,
        )

    @staticmethod
    def _make(role: str) -> User:
        if role == "other_patient":
            return people.make_patient(role).user
        if role == "other_doctor":
            return people.make_doctor(role).user
        user = people.make_user(
            role, is_staff=role in PROFILELESS, is_superuser=role == "superuser"
        )
        if role == "both":
            people.make_doctor(user=user)
            Patient.objects.create(user=user)
        return user
