"""The people and things that one order is about, and a picture of all rows."""

from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import connection
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import Patient, Session, User
from accounts.services import issue_token, make_reset_code
from feiqingsong.testing import factories
from qaorder.models import DiagnosisTag, Drug, Status

APPS = ("accounts", "ledger", "qaorder", "knox")
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
        self.patient = factories.make_patient("owner1", balance_fen=5000)
        self.doctor = factories.make_doctor("doctor1")
        self.order = factories.order_in(status or Status.UNPAID, self.patient, self.doctor)
        if is_refunded:
            factories.refund(self.order)
            self.order.refresh_from_db()
        self.tag = DiagnosisTag.objects.create(owner=self.doctor.user, name="哮喘")
        self.reset_code = make_reset_code(factories.make_user("forgetful"))
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
            return factories.client_for(self.user(role))
        # A side of the order, whose token alone keeps them out.
        client = factories.client_for(self.patient.user)
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
            password=factories.PASSWORD,
            session=self.session.pk,
            reset_code=self.reset_code,
        )

    @staticmethod
    def _make(role: str) -> User:
        if role == "other_patient":
            return factories.make_patient(role).user
        if role == "other_doctor":
            return factories.make_doctor(role).user
        user = factories.make_user(
            role, is_staff=role in PROFILELESS, is_superuser=role == "superuser"
        )
        if role == "both":
            factories.make_doctor(user=user)
            Patient.objects.create(user=user)
        return user


def picture() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the service, to show that nothing changed; as stored, which is soonest read."""
    found = {}
    with connection.cursor() as cursor:
        for app in APPS:
            for model in apps.get_app_config(app).get_models():
                table, key = model._meta.db_table, model._meta.pk.column
                cursor.execute(f'SELECT * FROM "{table}" ORDER BY "{key}"')
                found[model._meta.label] = cursor.fetchall()
    return found
