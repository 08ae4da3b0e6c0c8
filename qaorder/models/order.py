"""The order: who consults whom, for how much, and how far it has come."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Doctor, Patient, User

ORDER_NUMBER_LENGTH = 26


class Status(models.IntegerChoices):
    """Contract, section 4."""

    UNPAID = 0, "待支付"
    PAID = 1, "已支付"
    WAITING = 2, "待回答"
    ANSWERED = 3, "已回答"
    FINISHED = 4, "待评价"
    EVALUATED = 5, "已评价"
    CANCELLED = 6, "取消"


class Channel(models.TextChoices):
    WX = "wx", "微信"
    ALIPAY = "alipay", "支付宝"
    BALANCE = "balance", "余额"


class OrderType(models.TextChoices):
    ONLINE = "online", "在线咨询"
    MONTHLY = "monthly", "包月服务"


class OrderQuerySet(models.QuerySet["Order"]):
    def visible_to(self, user: User) -> "OrderQuerySet":
        """The user's orders as patient or doctor, without those they deleted from their view."""
        # Matches nothing; whoever has no profile sees no order.
        visible = models.Q(pk__in=())
        if user.patient_profile:
            visible |= models.Q(patient_id=user.patient_profile.pk, patient_hidden_at=None)
        if user.doctor_profile:
            visible |= models.Q(doctor_id=user.doctor_profile.pk, doctor_hidden_at=None)
        return self.filter(visible)

    def for_role(self, user: User, role: str) -> "OrderQuerySet":
        """The user's orders on one side; `role` is patient or doctor, whose profile exists."""
        if role == "patient":
            return self.filter(patient_id=user.patient.pk, patient_hidden_at=None)
        return self.filter(doctor_id=user.doctor.pk, doctor_hidden_at=None)

    def with_details(self) -> "OrderQuerySet":
        """Everything the order's JSON shows, in the one query."""
        return self.select_related("patient__user", "doctor__user", "question__answer")

    def newest_first(self) -> "OrderQuerySet":
        return self.order_by("-created_at", "-pk")


class Order(models.Model):
    """One consultation. Only `lifecycle.advance` writes `status`.

    `next_try_at` and `failures` are of the clock's move out of this status, where it failed.
    """

    order_number = models.CharField("订单号", max_length=ORDER_NUMBER_LENGTH, unique=True)
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="orders", verbose_name="患者"
    )
    doctor = models.ForeignKey(
        Doctor, on_delete=models.PROTECT, related_name="orders", verbose_name="医生"
    )
    order_type = models.CharField("类型", max_length=7, choices=OrderType.choices)
    amount_fen = models.PositiveIntegerField("金额（分）")
    platform_share_percent = models.PositiveSmallIntegerField("平台分成（%）", default=0)
    status = models.PositiveSmallIntegerField("状态", choices=Status.choices, default=Status.UNPAID)
    status_at = models.DateTimeField("状态时间", default=timezone.now)
    channel = models.CharField(
        "支付方式", max_length=7, choices=Channel.choices, default=Channel.ALIPAY
    )
    covered_by = models.ForeignKey(
        "qaorder.Period",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="free_orders",
        verbose_name="所属包月",
    )
    pay_deadline = models.DateTimeField("支付截止")
    paid_at = models.DateTimeField("支付时间", null=True, blank=True)
    released_at = models.DateTimeField("结算时间", null=True, blank=True)
    created_at = models.DateTimeField("创建时间", default=timezone.now)
    next_try_at = models.DateTimeField("系统下次处理时间", null=True, blank=True)
    failures = models.PositiveIntegerField("系统处理失败次数", default=0, db_default=0)
    patient_hidden_at = models.DateTimeField("患者删除时间", null=True, blank=True)
    doctor_hidden_at = models.DateTimeField("医生删除时间", null=True, blank=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = "订单"
        verbose_name_plural = "订单"
        indexes = [
            models.Index(fields=["patient", "-created_at", "-id"], name="order_patient_time"),
            models.Index(
                fields=["patient", "status", "-created_at", "-id"], name="order_patient_status"
            ),
            models.Index(fields=["doctor", "-created_at", "-id"], name="order_doctor_time"),
            models.Index(
                fields=["doctor", "status", "-created_at", "-id"], name="order_doctor_status"
            ),
            models.Index(
                fields=["doctor", "patient", "-created_at", "-id"], name="order_pair_time"
            ),
            models.Index(
                fields=["pay_deadline"], name="order_unpaid_deadline", condition=models.Q(status=0)
            ),
            models.Index(fields=["status", "status_at"], name="order_status_at"),
            models.Index(
                fields=["status_at"],
                name="order_unreleased",
                condition=models.Q(status__in=(4, 5), released_at=None),
            ),
            # Without the running months, which are many and not for these sweeps.
            models.Index(
                fields=["status", "status_at"],
                name="order_online_status_at",
                condition=models.Q(order_type="online", status__in=(1, 2)),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=Status.values), name="order_status_known"
            ),
            # `paid_at` is the order's own word: the payment that opened it stands in an app above.
            # That both agree is the audit's to check (I06, I32).
            models.CheckConstraint(
                condition=models.Q(status__in=(Status.UNPAID, Status.CANCELLED))
                | models.Q(paid_at__isnull=False),
                name="order_served_only_when_paid",
            ),
            models.CheckConstraint(
                condition=models.Q(platform_share_percent__lte=100),
                name="order_share_at_most_all",
            ),
            models.CheckConstraint(
                condition=models.Q(released_at=None)
                | models.Q(status__in=(Status.FINISHED, Status.EVALUATED)),
                name="order_released_only_when_completed",
            ),
        ]

    def __str__(self) -> str:
        return self.order_number

    def role_of(self, user: User) -> str | None:
        """Return "patient" or "doctor", the user's side of this order, or None."""
        # Nobody is both sides: `place_order` refuses an order with oneself.
        if user.patient_profile and user.patient_profile.pk == self.patient_id:
            return "patient"
        if user.doctor_profile and user.doctor_profile.pk == self.doctor_id:
            return "doctor"
        return None


class OrderEvent(models.Model):
    """One row per move of an order: who or what moved it, from where to where, when."""

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="events", verbose_name="订单"
    )
    event = models.CharField("事件", max_length=10)
    from_status = models.PositiveSmallIntegerField("原状态", choices=Status.choices)
    to_status = models.PositiveSmallIntegerField("新状态", choices=Status.choices)
    role = models.CharField("操作方", max_length=10)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="操作人",
    )
    created_at = models.DateTimeField("时间", default=timezone.now)

    class Meta:
        verbose_name = "订单变更"
        verbose_name_plural = "订单变更"
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.event}: {self.from_status} → {self.to_status}"
