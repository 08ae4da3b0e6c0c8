"""Refunds: the return of a payment's money, or of money in suspense."""

from django.db import models
from django.utils import timezone

from payments.models.payment import Payment
from payments.models.suspense import SuspenseCharge


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
    suspense = models.ForeignKey(
        SuspenseCharge,
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
                condition=models.Q(payment__isnull=False, suspense=None)
                | models.Q(payment=None, suspense__isnull=False, bearer="suspense"),
                name="refund_of_payment_or_suspense",
            ),
        ]

    def __str__(self) -> str:
        return f"退款 {self.pk}"

    @property
    def source(self) -> Payment | SuspenseCharge:
        """What the money came by."""
        source = self.payment or self.suspense
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
