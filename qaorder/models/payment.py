"""Money for orders and recharges: attempts to pay, refunds, notices, charges held for staff."""

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

    An order may have several. `order_no` is our number at the provider, written before the
    provider is called. Alipay may make two charges for one `order_no`; when both are paid, the
    second becomes a row of its own with `duplicate_of`. `asked_at` set means the provider may know
    of it, by a charge made between then and `last_asked_at`; `search_until` is how far a search for
    that charge, newest first, has still to go. `leased_until` means a request is talking to the
    provider about it right now, `inquiry_leased_until` that a sweep is.
    """

    order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="payments",
        verbose_name="订单",
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
    asked_at = models.DateTimeField("首次请求渠道时间", null=True, blank=True)
    last_asked_at = models.DateTimeField("最近请求渠道时间", null=True, blank=True)
    search_until = models.DateTimeField("待查找截止", null=True, blank=True)
    leased_until = models.DateTimeField("占用至", null=True, blank=True)
    inquiry_leased_until = models.DateTimeField("查询占用至", null=True, blank=True)
    checked_at = models.DateTimeField("最近核对时间", default=timezone.now)
    next_try_at = models.DateTimeField("查询失败后下次时间", null=True, blank=True)
    failures = models.PositiveIntegerField("连续查询失败次数", default=0, db_default=0)
    paid_at = models.DateTimeField("到账时间", null=True, blank=True)
    created_at = models.DateTimeField("创建时间", default=timezone.now)

    class Meta:
        verbose_name = "支付"
        verbose_name_plural = "支付"
        indexes = [
            models.Index(
                fields=["checked_at"],
                name="payment_open_checked_at",
                condition=models.Q(state__in=OPEN_STATES),
            ),
            models.Index(
                fields=["created_at"],
                name="payment_paid_created_at",
                condition=models.Q(state="paid"),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["order_no"],
                condition=models.Q(duplicate_of=None),
                name="payment_order_no_unique",
            ),
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
                condition=models.Q(refunded_fen__lte=models.F("amount_fen")),
                name="payment_refunded_at_most_paid",
            ),
        ]

    def __str__(self) -> str:
        return self.order_no


class RefundStatus(models.IntegerChoices):
    """Contract, section 5."""

    OPEN = 0, "处理中"
    SUCCEEDED = 1, "已退款"
    FAILED = 2, "退款失败"


class RefundOrigin(models.TextChoices):
    """Who asked the provider: this service, or somebody in the provider's console."""

    SERVICE = "service", "本系统"
    CONSOLE = "console", "渠道后台"


class Bearer(models.TextChoices):
    """Whose money a refund gives back: the order's own in transit, or somebody's after that."""

    ORDER = "order", "订单在途款"
    DOCTOR = "doctor", "医生收入"
    PLATFORM = "platform", "平台"
    PAYER = "payer", "付款人余额"
    SUSPENSE = "suspense", "异常到账"


class RefundMeans(models.TextChoices):
    """How the money went back."""

    CHANNEL = "channel", "原路退回"
    BALANCE = "balance", "退到余额"
    OUTSIDE = "outside", "线下退款"


class Refund(models.Model):
    """The return of a payment's money, or of a part; or, without a payment, of a held charge's.

    Open until the provider says succeeded; `sent_at` set means the provider may know of it, so it
    is looked for there before it is sent again. A failed one waits for staff; each new attempt
    at the provider has its number, which the provider's refund names. All refunds of a payment,
    the failed ones too, make up its `refunded_fen`. `leased_until`: a sender is at it.
    """

    payment = models.ForeignKey(
        Payment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="refunds",
        verbose_name="支付",
    )
    held = models.ForeignKey(
        "qaorder.HeldCharge",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="refunds",
        verbose_name="异常到账",
    )
    origin = models.CharField(
        "来源", max_length=7, choices=RefundOrigin.choices, default=RefundOrigin.SERVICE
    )
    bearer = models.CharField("承担方", max_length=8, choices=Bearer.choices, default=Bearer.ORDER)
    means = models.CharField(
        "方式", max_length=7, choices=RefundMeans.choices, default=RefundMeans.CHANNEL
    )
    attempt = models.PositiveSmallIntegerField("第几次", default=1)
    amount_fen = models.PositiveIntegerField("金额（分）")
    status = models.PositiveSmallIntegerField(
        "状态", choices=RefundStatus.choices, default=RefundStatus.OPEN
    )
    reason = models.CharField("原因", max_length=200, blank=True)
    role = models.CharField("发起方", max_length=10)
    refund_id = models.CharField("渠道退款编号", max_length=40, null=True, blank=True, unique=True)
    failure_code = models.CharField("失败代码", max_length=60, blank=True)
    failure_msg = models.TextField("失败原因", blank=True)
    tries = models.PositiveIntegerField("尝试次数", default=0)
    sent_at = models.DateTimeField("首次发送时间", null=True, blank=True)
    next_try_at = models.DateTimeField("下次处理时间", default=timezone.now)
    leased_until = models.DateTimeField("占用至", null=True, blank=True)
    created_at = models.DateTimeField("创建时间", default=timezone.now)
    finished_at = models.DateTimeField("完成时间", null=True, blank=True)

    class Meta:
        verbose_name = "退款"
        verbose_name_plural = "退款"
        indexes = [
            models.Index(
                fields=["next_try_at"], name="refund_open_due", condition=models.Q(status=0)
            ),
            models.Index(
                fields=["created_at"], name="refund_not_back", condition=~models.Q(status=1)
            ),
            models.Index(fields=["created_at"], name="refund_created_at"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=RefundStatus.values), name="refund_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(payment__isnull=False, held=None)
                | models.Q(payment=None, held__isnull=False, bearer="suspense"),
                name="refund_of_payment_or_held",
            ),
        ]

    def __str__(self) -> str:
        return f"退款 {self.pk}"

    @property
    def source(self) -> "Payment | HeldCharge":
        """What the money came by."""
        source = self.payment or self.held
        if source is None:
            raise LookupError(self.pk)
        return source

    @property
    def charge_id(self) -> str:
        """The provider's charge that the money came by."""
        return str(self.source.charge_id)

    @property
    def order_no(self) -> str:
        """The number at the provider of what the money came by."""
        return str(self.source.order_no)

    @property
    def order_number(self) -> str:
        """The order it concerns; blank for a recharge and for held money."""
        return self.payment.order.order_number if self.payment and self.payment.order else ""


class NoticeOutcome(models.TextChoices):
    APPLIED = "applied", "已处理"
    REPEATED = "repeated", "重复"
    UNUSED = "unused", "不使用的类型"
    NOT_OURS = "not_ours", "不属于本服务"
    HELD = "held", "待人工处理"
    DIFFERS = "differs", "与本地不符，待人工处理"


class Notice(models.Model):
    """A provider's notice with a good signature, kept for ever: signatures carry no time."""

    event_id = models.CharField("事件编号", max_length=64, unique=True)
    type = models.CharField("类型", max_length=64)
    object_id = models.CharField("对象编号", max_length=64, blank=True)
    order_no = models.CharField("商户订单号", max_length=64, blank=True, db_index=True)
    outcome = models.CharField("结果", max_length=10, choices=NoticeOutcome.choices)
    digest = models.CharField("内容摘要", max_length=64)
    received_at = models.DateTimeField("接收时间", default=timezone.now)

    class Meta:
        verbose_name = "渠道通知"
        verbose_name_plural = "渠道通知"

    def __str__(self) -> str:
        return self.event_id


class HeldResolution(models.TextChoices):
    """What staff did with held money; blank while they have not decided."""

    REFUNDED = "refunded", "退回渠道"
    ASSIGNED = "assigned", "归还订单或余额"
    KEPT = "kept", "转入平台"
    CORRECTED = "corrected", "渠道更正后入账"


class HeldCharge(models.Model):
    """Collected money that fits nothing of ours (wrong amount, unknown number); staff decide.

    `refunded_fen` is what went back in the provider's console, before it was held or since; the
    rest is on the suspense account until `resolution` says where it went.
    """

    charge_id = models.CharField("渠道支付编号", max_length=64, unique=True)
    order_no = models.CharField("商户订单号", max_length=64)
    channel = models.CharField("支付方式", max_length=20)
    amount_fen = models.PositiveBigIntegerField("金额（分）")
    refunded_fen = models.PositiveBigIntegerField("渠道已退（分）", default=0)
    reason = models.CharField("原因", max_length=100)
    payment = models.ForeignKey(
        Payment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="held_charges",
        verbose_name="对应支付",
    )
    resolution = models.CharField(
        "处理方式", max_length=9, choices=HeldResolution.choices, blank=True
    )
    resolved_at = models.DateTimeField("处理时间", null=True, blank=True)
    created_at = models.DateTimeField("时间", default=timezone.now)

    class Meta:
        verbose_name = "异常到账"
        verbose_name_plural = "异常到账"
        indexes = [
            models.Index(
                fields=["created_at"], name="held_unresolved", condition=models.Q(resolution="")
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(refunded_fen__lte=models.F("amount_fen")),
                name="held_refunded_at_most_collected",
            ),
            models.CheckConstraint(
                condition=models.Q(resolution="", resolved_at=None)
                | (~models.Q(resolution="") & models.Q(resolved_at__isnull=False)),
                name="held_resolved_how",
            ),
        ]

    def __str__(self) -> str:
        return self.charge_id

    @property
    def remaining_fen(self) -> int:
        """What of it the provider still holds for us."""
        return self.amount_fen - self.refunded_fen
