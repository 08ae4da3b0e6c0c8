"""Every act of staff that moves money: one table, a reason each, two members for large amounts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from accounts.models import User
from api.errors import Refusal, StaffRefusal
from payments import console_refunds, refunds, suspense_acts
from payments.models import (
    Bearer,
    Discrepancy,
    Payment,
    Payout,
    Refund,
    RefundMeans,
    StaffRequest,
    StaffRequestState,
    SuspenseCharge,
)
from payments.reconcile import payouts
from qaorder.lifecycle import Role
from qaorder.models import Order, Status
from qaorder.orders import lock_order


@dataclass(frozen=True)
class Verb:
    """One act: on which row, with which permission, how much it moves, and what does it.

    `run(row, actor, reason, **arguments)` is called in a transaction; `arguments` are those that
    `parameters` names, checked by it. `needs` says what has to be so, for whom it is refused.
    """

    label: str
    model: type[models.Model]
    amount_fen: Callable[[Any], int]
    run: Callable[..., object]
    parameters: tuple[str, ...] = ()
    needs: str = ""

    @property
    def permission(self) -> str:
        return f"{self.model._meta.app_label}.change_{self.model._meta.model_name}"


def _order_fen(order: Order) -> int:
    payment = Payment.objects.filter(opened_order=order).first()
    return payment.amount_fen - payment.refunded_fen if payment else 0


def _accepted_fen(row: Discrepancy) -> int:
    """What accepting moves: the money that the console left of a cancelled order follows."""
    amount = row.provider_amount_fen or 0
    order = row.payment.order if row.payment else None
    is_cancelled = order is not None and order.status in (Status.PAID, Status.WAITING)
    return max(amount, _order_fen(order)) if order and is_cancelled else amount


def _bearer(text: str) -> Bearer:
    if text not in (Bearer.DOCTOR, Bearer.PLATFORM):
        raise StaffRefusal("请选择由医生收入还是平台承担。")
    return Bearer(text)


def _assign(row: SuspenseCharge, actor: User, reason: str, to: str) -> None:
    order = Order.objects.filter(order_number=to).first()
    if order is not None:
        suspense_acts.assign_to_order(row, order=order)
        return
    user = User.objects.filter(username=to, patient__isnull=False).first()
    if user is None:
        raise StaffRefusal("没有这个订单号，也没有这个患者用户名。")
    suspense_acts.assign_to_user(row, user=user)


FAILED_REFUND = "须为退款失败的退款；异常到账的请从异常到账再退"

VERBS: dict[str, Verb] = {
    "refund_order": Verb(
        "退款（取消订单，全额退回）",
        Order,
        _order_fen,
        lambda row, actor, reason: refunds.refund_order(
            order=row, role=Role.STAFF, actor=actor, reason=reason
        ),
        needs="订单须已支付、还没有回答",
    ),
    "refund_completed": Verb(
        "退款（已回答或已完成的订单，状态不变）",
        Order,
        _order_fen,
        lambda row, actor, reason, bearer: refunds.refund_completed(
            order=row, bearer=_bearer(bearer), reason=reason
        ),
        ("bearer",),
        needs="订单须已回答或已完成，且还有没退的款项",
    ),
    "give_up_refund": Verb(
        "不再等待渠道（转为退款失败）",
        Refund,
        lambda row: row.amount_fen,
        lambda row, actor, reason: refunds.give_up(row),
        needs="退款须处理中，且已超过等待期限（默认 3 天）",
    ),
    "retry_refund": Verb(
        "重新退款",
        Refund,
        lambda row: row.amount_fen,
        lambda row, actor, reason: refunds.retry(row),
        needs=FAILED_REFUND,
    ),
    "refund_to_balance": Verb(
        "改退到余额",
        Refund,
        lambda row: row.amount_fen,
        lambda row, actor, reason: refunds.end_otherwise(row, RefundMeans.BALANCE),
        needs=FAILED_REFUND,
    ),
    "settle_refund_outside": Verb(
        "已在线下退款",
        Refund,
        lambda row: row.amount_fen,
        lambda row, actor, reason: refunds.end_otherwise(row, RefundMeans.OUTSIDE),
        needs=FAILED_REFUND,
    ),
    "accept_console_refund": Verb(
        "认可渠道后台退款",
        Discrepancy,
        _accepted_fen,
        lambda row, actor, reason, bearer: console_refunds.accept(
            row, bearer=_bearer(bearer), actor=actor, reason=reason
        ),
        ("bearer",),
        needs="付款人的余额须够扣回，否则只能由平台承担",
    ),
    "dispute_console_refund": Verb(
        "不认可渠道后台退款（平台承担）",
        Discrepancy,
        lambda row: row.provider_amount_fen or 0,
        lambda row, actor, reason: console_refunds.dispute(row),
    ),
    "take_back_refund": Verb(
        "撤销退款成功（渠道退款又失败，或渠道未退）",
        Discrepancy,
        lambda row: row.our_amount_fen or 0,
        lambda row, actor, reason: console_refunds.take_back(row),
        needs="该退款须由渠道退回成功",
    ),
    "refund_suspense": Verb(
        "退回渠道",
        SuspenseCharge,
        lambda row: row.remaining_fen,
        lambda row, actor, reason: suspense_acts.refund(row, reason=reason),
    ),
    "assign_suspense": Verb(
        "归还订单或余额",
        SuspenseCharge,
        lambda row: row.remaining_fen,
        _assign,
        ("to",),
        needs="订单须待支付、未到截止时间，这笔款项加上患者余额须够支付",
    ),
    "keep_suspense": Verb(
        "转入平台",
        SuspenseCharge,
        lambda row: row.remaining_fen,
        lambda row, actor, reason: suspense_acts.keep(row),
    ),
    "book_payout": Verb(
        "渠道结算入账",
        Payout,
        lambda row: row.amount_fen + row.fee_fen,
        lambda row, actor, reason: payouts.book(row),
    ),
}


@transaction.atomic
def request(
    verb: str, row: models.Model, *, actor: User, reason: str, **arguments: str
) -> StaffRequest:
    """Do the act at once, or let it wait for a second member of staff if it moves too much.

    Returns the request, `done` or `waiting`.  Units: STAFF_DOUBLE_CHECK_FEN, in fen.
    Raises: StaffRefusal.
    """
    chosen = _allowed(verb, actor)
    if isinstance(row, Order):  # which may just be paid; the acts lock it before all else, too
        lock_order(row.pk)
    row.refresh_from_db()
    if not reason.strip() or set(arguments) != set(chosen.parameters):
        raise StaffRefusal("请填写原因和所需的各项。")
    request = StaffRequest(
        verb=verb,
        target_id=row.pk,
        arguments=arguments,
        amount_fen=chosen.amount_fen(row),
        reason=reason,
        requested_by=actor,
    )
    if request.amount_fen > settings.STAFF_DOUBLE_CHECK_FEN:
        return _wait(request)
    _run(chosen, row, actor, reason, arguments)
    request.state, request.decided_at = StaffRequestState.DONE, timezone.now()
    request.save()
    return request


def _run(
    verb: Verb, row: models.Model, actor: User, reason: str, arguments: dict[str, str]
) -> None:
    """Do the act.  Raises: StaffRefusal, which says what has to be so, where it is refused."""
    try:
        verb.run(row, actor, reason, **arguments)
    except Refusal as refusal:
        raise StaffRefusal(f"{refusal.message}：{verb.needs}。") from refusal


def _wait(request: StaffRequest) -> StaffRequest:
    try:
        with transaction.atomic():
            request.save()
    except IntegrityError:
        raise StaffRefusal("同一操作已在等待复核。") from None
    return request


@transaction.atomic
def approve(request: StaffRequest, *, actor: User) -> StaffRequest:
    """Do a waiting act, by the word of another member of staff than the one who asked.

    Raises: StaffRefusal, also from the act itself: then it goes on waiting.
    """
    request = _lock_waiting(request)
    chosen = _allowed(request.verb, actor)
    if actor.pk == request.requested_by_id:
        raise StaffRefusal("申请人不能复核自己的操作。")
    # The second member agreed to an amount: an act that would move another one is not that act.
    row = chosen.model._default_manager.filter(pk=request.target_id).first()
    if row is None or chosen.amount_fen(row) != request.amount_fen:
        raise StaffRefusal("金额已经改变，请驳回后重新申请。")
    _run(chosen, row, request.requested_by, request.reason, request.arguments)
    return _decide(request, StaffRequestState.DONE, actor)


@transaction.atomic
def decline(request: StaffRequest, *, actor: User) -> StaffRequest:
    """Turn a waiting act down; the one who asked takes it back so.  Raises: StaffRefusal."""
    request = _lock_waiting(request)
    _allowed(request.verb, actor)
    other = actor if actor.pk != request.requested_by_id else None
    return _decide(request, StaffRequestState.DECLINED, other)


def _allowed(verb: str, actor: User) -> Verb:
    chosen = VERBS[verb]
    if not actor.is_staff or not actor.has_perm(chosen.permission):
        raise StaffRefusal("您没有权限执行此操作。")
    return chosen


def _lock_waiting(request: StaffRequest) -> StaffRequest:
    rows = StaffRequest.objects.select_for_update(of=("self",)).select_related("requested_by")
    request = rows.get(pk=request.pk)
    if request.state != StaffRequestState.WAITING:
        raise StaffRefusal("该操作已经处理。")
    return request


def _decide(request: StaffRequest, state: StaffRequestState, actor: User | None) -> StaffRequest:
    request.state, request.decided_by, request.decided_at = state, actor, timezone.now()
    request.save(update_fields=["state", "decided_by", "decided_at"])
    return request
