"""Accounts from before: each gets its skeletons and sessions, twins included."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils import timezone
from knox.models import AuthToken

from accounts.lookalikes import skeletons
from accounts.models import Session, User
from tests.support.people import make_doctor, make_patient, make_user

pytestmark = pytest.mark.django_db


def rename(user, username):
    """As it was possible before."""
    User.objects.filter(pk=user.pk).update(username=username)
    return user


def test_of_names_that_look_alike_the_verified_doctor_keeps_the_skeleton():
    fake = rename(make_patient("a").user, "dосtor1")
    unverified = rename(make_doctor("b", is_verified=False).user, "DOCTOR1")
    doctor = make_doctor("doctor1").user
    boss = make_user("boss", is_staff=True)
    before = {boss.pk: skeletons("boss"), doctor.pk: skeletons("doctor1")}
    User.objects.update(skeleton=Cast("pk", TextField()), typed_skeleton=Cast("pk", TextField()))

    import_module("accounts.migrations.0004_fill_username_skeletons").fill(apps, None)

    after = {u.pk: (u.skeleton, u.typed_skeleton) for u in User.objects.all()}
    assert {pk: after[pk] for pk in before} == before
    for twin in (fake, unverified):
        assert all(skeleton.endswith(f" {twin.pk}") for skeleton in after[twin.pk])
    assert User.objects.looking_like("doctоr1").get() == doctor


def test_a_token_from_before_gets_a_session_that_was_used_when_it_was_renewed(settings):
    now = timezone.now()
    token, _ = AuthToken.objects.create(make_user())
    AuthToken.objects.update(
        created=now - timedelta(days=40), expiry=now - timedelta(days=3) + settings.TOKEN_TTL
    )
    AuthToken.objects.create(make_user())
    AuthToken.objects.exclude(pk=token.pk).update(expiry=None)

    import_module("accounts.migrations.0007_sessions_of_old_tokens").add_sessions(apps, None)

    assert Session.objects.get().token == token
    assert Session.objects.get().last_used_at == now - timedelta(days=3)
