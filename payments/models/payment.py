"""Attempts to pay an order, or to recharge the payer's balance."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from qaorder.models.order import Channel, Order

ORDER_NO_LENGTH = 32


class PaymentState(models.TextChoices):
    """CREATING: the provider is being asked, or the answer was lost. PAID is final."""

    CREATING = "creating", "创建中"
    PENDING = "pending", "待付款"
    PAID = "paid", "已到账"
    FAILED = "failed", "创建失败"
    EXPIRED = "expired", "已过期"


OPEN_STATES = (PaymentState.CREATING, PaymentState.PENDING)


class Payment(models.Model):
    """One attempt to pay an order or, without an order, to recharge the payer's balance.

    An order may have several; `opened_order` is set on the one whose money put it into service.
    `order_no` is our number at the provider, written before the provider is called. Alipay may make
    two charges for one `order_no`; when both are paid, the second becomes a row of its own with
    `duplicate_of`. `sent_at` set means the provider may know of it, by a charge made between then
    and `last_sent_at`; `search_until` is how far a search for that charge, newest first, has still
    to go. `leased_until` means a request is talking to the provider about it right now,
    `inquiry_leased_until` that a sweep is.
    """

    order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="payments",
        verbose_name="订单",
    )
    opened_order = models.OneToOneField(
        Order,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="paid_with",
        verbose_name="开通的订单",
    )
    payer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="payments",
        verbose_name="付款人",
    )
    duplicate_of = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="duplicates",
        verbose_name="重复支付自",
    )
    channel = models.CharField("支付方式", max_length=7, choices=Channel.choices)
    order_no = models.CharField("商户订单号", max_length=ORDER_NO_LENGTH, db_index=True)
    amount_fen = models.PositiveIntegerField("金额（分）")
    refunded_fen = models.PositiveIntegerField("退款（分）", default=0)
    state = models.CharField(
        "状态", max_length=8, choices=PaymentState.choices, default=PaymentState.CREATING
    )
    charge_id = models.CharField("渠道支付编号", max_length=40, null=True, blank=True, unique=True)
    charge = models.TextField("渠道支付对象", blank=True)
    expires_at = models.DateTimeField("支付对象过期时间", null=True, blank=True)
    sent_at = models.DateTimeField("首次请求渠道时间", null=True, blank=True)
    last_sent_at = models.DateTimeField("最近请求渠道时间", null=True, blank=True)
    search_until = models.DateTimeField("待查找截止", null=True, blank=True)
    leased_until = models.DateTimeField("占用至", null=True, blank=True)
    inquiry_leased_until = models.DateTimeField("查询占用至", null=True, blank=True)
    inquired_at = models.DateTimeField("最近查询时间", default=timezone.now)
    next_try_at = models.DateTimeField("查询失败后下次时间", null=True, blank=True)
    failures = models.PositiveIntegerField("连续查询失败次数", default=0, db_default=0)
    paid_at = models.DateTimeField("到账时间", null=True, blank=True)
    created_at = models.DateTimeField("创建时间", default=timezone.now)

    class Meta:
        verbose_name = "支付"
        verbose_name_plural = "支付"
        indexes = [
            models.Index(
                fields=["inquired_at"],
                name="payment_open_inquired_at",
                condition=models.Q(state__in=OPEN_STATES),
            ),
            models.Index(
                fields=["created_at"],
                name="payment_paid_created_at",
                condition=models.Q(state="paid"),
            ),
        ]
        constraints = [
            # A second charge under one number is a row of its own, with the same number.
            models.UniqueConstraint(
                fields=["order_no"],
                condition=models.Q(duplicate_of=None),
                name="payment_order_no_unique",
            ),
            # A recharge has no order, and NULLs are all different: any number may be open.
            models.UniqueConstraint(
                fields=["order", "channel"],
                condition=models.Q(state__in=OPEN_STATES),
                name="payment_one_open_per_order_and_channel",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=PaymentState.values), name="payment_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state="paid", paid_at__isnull=False)
                | (~models.Q(state="paid") & models.Q(paid_at=None)),
                name="payment_paid_at_when_paid",
            ),
            models.CheckConstraint(
                condition=models.Q(opened_order=None)
                | models.Q(opened_order=models.F("order"), state="paid", duplicate_of=None),
                name="payment_opens_its_own_order_when_paid",
            ),
            models.CheckConstraint(
                condition=models.Q(refunded_fen__lte=models.F("amount_fen")),
                name="payment_refunded_at_most_paid",
            ),
        ]

    def __str__(self) -> str:
        return self.order_no
