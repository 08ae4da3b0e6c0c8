"""The acts of staff that move money, as actions of the admin: `payments.staff_acts` does them."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import OperationalError, models, transaction
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from api import errors, money
from payments import staff_acts
from payments.models import Bearer, StaffRequestState
from qaorder.models import Order
from staff.base import ReadOnlyAdmin, ReasonForm, ask_reason

MAX_AT_ONCE = 20
WARNING = "确认后立即生效，不能撤销；金额超过 {limit} 元的由另一位工作人员复核后生效。"

BEARERS = (Bearer.DOCTOR, Bearer.PLATFORM)
NO_OWNER = "没有这个订单号，也没有这个患者用户名。"


class OwnerField(forms.CharField):
    """The number of an order or the username of a patient, as `staff_acts` takes it."""

    def clean(self, value: Any) -> str:
        # No validator: those run on text, too, that PostgreSQL does not take (NUL).
        to = str(super().clean(value))
        orders = Order.objects.filter(order_number=to)
        users = User.objects.filter(username=to, patient__isnull=False)
        if not orders.exists() and not users.exists():
            raise forms.ValidationError(NO_OWNER)
        return to


PARAMETERS: dict[str, Callable[[], forms.Field]] = {
    "bearer": lambda: forms.ChoiceField(
        label="承担方",
        choices=[("", "请选择"), *((bearer.value, bearer.label) for bearer in BEARERS)],
        help_text="已支付、待回答的订单随之取消，不看此项",
    ),
    "to": lambda: OwnerField(
        label="归还给", max_length=50, help_text="未支付的订单号，或患者的用户名（转入余额）"
    ),
}


def in_words(arguments: dict[str, str]) -> str:
    """Return what was chosen for an act, as its form names it: 承担方：平台."""
    words = []
    for name, value in arguments.items():
        field: Any = PARAMETERS[name]()
        words.append(f"{field.label}：{dict(getattr(field, 'choices', ())).get(value, value)}")
    return "，".join(words)


def form_of(verb: staff_acts.Verb) -> type[ReasonForm]:
    """Return the form of an act: what it asks for, and the reason."""
    fields = {name: PARAMETERS[name]() for name in verb.parameters}
    return type("ActForm", (ReasonForm,), fields)


class StaffActsAdmin(ReadOnlyAdmin):
    """Rows that staff act on through `verbs`, each with the permission that its act needs."""

    verbs: ClassVar[tuple[str, ...]] = ()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        for name in self.verbs:
            verb = staff_acts.VERBS[name]
            if request.user.has_perm(verb.permission):
                actions[name] = (partial(_act, name), name, verb.label)
        return actions

    def line(self, row: Any) -> str:
        """Say in one line what the act is about."""
        return str(row)


def _act(
    name: str, model_admin: StaffActsAdmin, request: HttpRequest, queryset: models.QuerySet[Any]
) -> HttpResponse | None:
    verb, rows = staff_acts.VERBS[name], list(queryset[: MAX_AT_ONCE + 1])
    if len(rows) > MAX_AT_ONCE:
        model_admin.message_user(request, f"一次最多处理 {MAX_AT_ONCE} 条。", messages.ERROR)
        return None
    limit = money.to_yuan(settings.STAFF_DOUBLE_CHECK_FEN)
    answer = ask_reason(
        model_admin,
        request,
        rows,
        action=name,
        title=verb.label,
        warning=WARNING.format(limit=limit),
        lines=[_line(verb, model_admin, row) for row in rows],
        form_class=form_of(verb),
    )
    if not isinstance(answer, dict):
        return answer
    for row in rows:
        message, level = _ask(name, model_admin, request, row, answer)
        model_admin.message_user(request, f"{model_admin.line(row)}：{message}", level)
    return None


def _line(verb: staff_acts.Verb, model_admin: StaffActsAdmin, row: Any) -> str:
    waits = verb.amount_fen(row) > settings.STAFF_DOUBLE_CHECK_FEN
    return f"{model_admin.line(row)}{'（需复核）' if waits else ''}"


def _ask(
    name: str, model_admin: StaffActsAdmin, request: HttpRequest, row: Any, answer: dict[str, str]
) -> tuple[str, int]:
    label = staff_acts.VERBS[name].label
    try:
        with transaction.atomic():
            done = staff_acts.request(name, row, actor=request.user, **answer)  # type: ignore[arg-type]
            is_done = done.state == StaffRequestState.DONE
            word = label if is_done else f"申请{label}"
            model_admin.log_change(request, row, f"{word}：{answer['reason']}")
    except (errors.Refusal, errors.StaffRefusal) as refusal:
        return refusal.message, messages.ERROR
    except OperationalError:
        return errors.BUSY, messages.ERROR
    return ("已执行。", messages.SUCCESS) if is_done else ("等待复核。", messages.WARNING)
