import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("qaorder", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("event_id", models.CharField(max_length=64, unique=True, verbose_name="事件编号")),
                ("type", models.CharField(max_length=64, verbose_name="类型")),
                ("object_id", models.CharField(blank=True, max_length=64, verbose_name="对象编号")),
                (
                    "order_no",
                    models.CharField(
                        blank=True, db_index=True, max_length=64, verbose_name="商户订单号"
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("applied", "已处理"),
                            ("repeated", "重复"),
                            ("unused", "不使用的类型"),
                            ("not_ours", "不属于本服务"),
                            ("held", "待人工处理"),
                            ("differs", "与本地不符，待人工处理"),
                        ],
                        max_length=10,
                        verbose_name="结果",
                    ),
                ),
                ("digest", models.CharField(max_length=64, verbose_name="内容摘要")),
                (
                    "received_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="接收时间"
                    ),
                ),
            ],
            options={
                "verbose_name": "渠道通知",
                "verbose_name_plural": "渠道通知",
            },
        ),
        migrations.CreateModel(
            name="Comparison",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("start_at", models.DateTimeField(unique=True, verbose_name="开始时间")),
                ("end_at", models.DateTimeField(verbose_name="结束时间")),
                ("compared_to", models.DateTimeField(verbose_name="已核对至")),
                ("next_try_at", models.DateTimeField(null=True, verbose_name="下次核对时间")),
                (
                    "failures",
                    models.PositiveIntegerField(
                        db_default=0, default=0, verbose_name="连续失败次数"
                    ),
                ),
            ],
            options={
                "verbose_name": "对账时段",
                "verbose_name_plural": "对账时段",
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_try_at__isnull", False)),
                        fields=["start_at"],
                        name="comparison_open",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("wx", "微信"), ("alipay", "支付宝"), ("balance", "余额")],
                        max_length=7,
                        verbose_name="支付方式",
                    ),
                ),
                (
                    "order_no",
                    models.CharField(db_index=True, max_length=32, verbose_name="商户订单号"),
                ),
                ("amount_fen", models.PositiveIntegerField(verbose_name="金额（分）")),
                ("refunded_fen", models.PositiveIntegerField(default=0, verbose_name="退款（分）")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("creating", "创建中"),
                            ("pending", "待付款"),
                            ("paid", "已到账"),
                            ("failed", "创建失败"),
                            ("expired", "已过期"),
                        ],
                        default="creating",
                        max_length=8,
                        verbose_name="状态",
                    ),
                ),
                (
                    "charge_id",
                    models.CharField(
                        blank=True,
                        max_length=40,
                        null=True,
                        unique=True,
                        verbose_name="渠道支付编号",
                    ),
                ),
                ("charge", models.TextField(blank=True, verbose_name="渠道支付对象")),
                (
                    "expires_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="支付对象过期时间"),
                ),
                (
                    "sent_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="首次请求渠道时间"),
                ),
                (
                    "last_sent_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="最近请求渠道时间"),
                ),
                (
                    "search_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="待查找截止"),
                ),
                (
                    "leased_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="占用至"),
                ),
                (
                    "inquiry_leased_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="查询占用至"),
                ),
                (
                    "inquired_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="最近查询时间"
                    ),
                ),
                (
                    "next_try_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="查询失败后下次时间"),
                ),
                (
                    "failures",
                    models.PositiveIntegerField(
                        db_default=0, default=0, verbose_name="连续查询失败次数"
                    ),
                ),
                ("paid_at", models.DateTimeField(blank=True, null=True, verbose_name="到账时间")),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="创建时间"
                    ),
                ),
                (
                    "duplicate_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="duplicates",
                        to="payments.payment",
                        verbose_name="重复支付自",
                    ),
                ),
                (
                    "opened_order",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="paid_with",
                        to="qaorder.order",
                        verbose_name="开通的订单",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="qaorder.order",
                        verbose_name="订单",
                    ),
                ),
                (
                    "payer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="付款人",
                    ),
                ),
            ],
            options={
                "verbose_name": "支付",
                "verbose_name_plural": "支付",
            },
        ),
        migrations.CreateModel(
            name="Discrepancy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("missed", "漏收通知，已补记"),
                            ("refund_missed", "漏收退款结果，已补记"),
                            ("stranger", "渠道到账，未知商户订单号"),
                            ("differs", "金额、渠道或编号不符"),
                            ("unpaid", "本地已到账，渠道未付款"),
                            ("absent", "本地已到账，渠道无此支付"),
                            ("refund_unknown", "渠道有退款，本地无记录"),
                            ("refund_differs", "退款金额不符"),
                            ("refund_absent", "本地已退款，渠道未退"),
                            ("refund_undone", "渠道退款成功后又失败"),
                            ("unreadable", "渠道查询出错，未能核对"),
                        ],
                        max_length=20,
                        verbose_name="类型",
                    ),
                ),
                ("charge_id", models.CharField(max_length=64, verbose_name="渠道支付编号")),
                (
                    "refund_id",
                    models.CharField(blank=True, max_length=64, verbose_name="渠道退款编号"),
                ),
                (
                    "order_no",
                    models.CharField(blank=True, max_length=64, verbose_name="商户订单号"),
                ),
                (
                    "our_amount_fen",
                    models.BigIntegerField(blank=True, null=True, verbose_name="本地金额（分）"),
                ),
                (
                    "provider_amount_fen",
                    models.BigIntegerField(blank=True, null=True, verbose_name="渠道金额（分）"),
                ),
                (
                    "first_seen_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="首次发现时间"
                    ),
                ),
                (
                    "last_seen_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="最近发现时间"
                    ),
                ),
                (
                    "resolved_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="处理时间"),
                ),
                (
                    "resolution",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("mended", "系统已补记"),
                            ("gone", "再次对账时已一致"),
                            ("staff", "人工处理"),
                            ("accepted", "认可"),
                            ("disputed", "不认可，平台承担"),
                        ],
                        max_length=8,
                        verbose_name="处理方式",
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="discrepancies",
                        to="payments.payment",
                        verbose_name="支付",
                    ),
                ),
            ],
            options={
                "verbose_name": "对账差异",
                "verbose_name_plural": "对账差异",
            },
        ),
        migrations.CreateModel(
            name="Payout",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("wx", "微信"), ("alipay", "支付宝")],
                        max_length=7,
                        verbose_name="支付方式",
                    ),
                ),
                ("reference", models.CharField(max_length=64, verbose_name="结算批次号")),
                ("paid_on", models.DateField(verbose_name="到账日期")),
                ("amount_fen", models.PositiveBigIntegerField(verbose_name="到账金额（分）")),
                ("fee_fen", models.PositiveBigIntegerField(default=0, verbose_name="手续费（分）")),
                ("booked_at", models.DateTimeField(blank=True, null=True, verbose_name="入账时间")),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="录入时间"
                    ),
                ),
            ],
            options={
                "verbose_name": "渠道结算",
                "verbose_name_plural": "渠道结算",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "reference"), name="payout_reference_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_fen__gt", 0), ("fee_fen__gt", 0), _connector="OR"
                        ),
                        name="payout_moves_money",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StaffRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("verb", models.CharField(max_length=30, verbose_name="操作")),
                ("target_id", models.BigIntegerField(verbose_name="对象编号")),
                ("arguments", models.JSONField(blank=True, default=dict, verbose_name="参数")),
                ("amount_fen", models.BigIntegerField(verbose_name="金额（分）")),
                ("reason", models.CharField(max_length=200, verbose_name="原因")),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "待复核"), ("done", "已执行"), ("declined", "已驳回")],
                        default="waiting",
                        max_length=8,
                        verbose_name="状态",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="申请时间"
                    ),
                ),
                (
                    "decided_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="复核时间"),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="复核人",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="申请人",
                    ),
                ),
            ],
            options={
                "verbose_name": "资金操作",
                "verbose_name_plural": "资金操作",
            },
        ),
        migrations.CreateModel(
            name="SuspenseCharge",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "charge_id",
                    models.CharField(max_length=64, unique=True, verbose_name="渠道支付编号"),
                ),
                ("order_no", models.CharField(max_length=64, verbose_name="商户订单号")),
                ("channel", models.CharField(max_length=20, verbose_name="支付方式")),
                ("amount_fen", models.PositiveBigIntegerField(verbose_name="金额（分）")),
                (
                    "refunded_fen",
                    models.PositiveBigIntegerField(default=0, verbose_name="渠道已退（分）"),
                ),
                ("reason", models.CharField(max_length=100, verbose_name="原因")),
                (
                    "resolution",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("refunded", "退回渠道"),
                            ("assigned", "归还订单或余额"),
                            ("kept", "转入平台"),
                            ("corrected", "渠道更正后入账"),
                        ],
                        max_length=9,
                        verbose_name="处理方式",
                    ),
                ),
                (
                    "resolved_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="处理时间"),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="时间"),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="suspense_charges",
                        to="payments.payment",
                        verbose_name="对应支付",
                    ),
                ),
            ],
            options={
                "verbose_name": "异常到账",
                "verbose_name_plural": "异常到账",
            },
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "origin",
                    models.CharField(
                        choices=[("service", "本系统"), ("console", "渠道后台")],
                        default="service",
                        max_length=7,
                        verbose_name="来源",
                    ),
                ),
                (
                    "bearer",
                    models.CharField(
                        choices=[
                            ("order", "订单在途款"),
                            ("doctor", "医生收入"),
                            ("platform", "平台"),
                            ("payer", "付款人余额"),
                            ("suspense", "异常到账"),
                        ],
                        default="order",
                        max_length=8,
                        verbose_name="承担方",
                    ),
                ),
                (
                    "means",
                    models.CharField(
                        choices=[
                            ("channel", "原路退回"),
                            ("balance", "退到余额"),
                            ("outside", "线下退款"),
                        ],
                        default="channel",
                        max_length=7,
                        verbose_name="方式",
                    ),
                ),
                ("attempt", models.PositiveSmallIntegerField(default=1, verbose_name="第几次")),
                ("amount_fen", models.PositiveIntegerField(verbose_name="金额（分）")),
                (
                    "status",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "处理中"), (1, "已退款"), (2, "退款失败")],
                        default=0,
                        verbose_name="状态",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="原因")),
                ("role", models.CharField(max_length=10, verbose_name="发起方")),
                (
                    "refund_id",
                    models.CharField(
                        blank=True,
                        max_length=40,
                        null=True,
                        unique=True,
                        verbose_name="渠道退款编号",
                    ),
                ),
                (
                    "failure_code",
                    models.CharField(blank=True, max_length=60, verbose_name="失败代码"),
                ),
                ("failure_msg", models.TextField(blank=True, verbose_name="失败原因")),
                ("tries", models.PositiveIntegerField(default=0, verbose_name="尝试次数")),
                (
                    "sent_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="首次发送时间"),
                ),
                (
                    "next_try_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="下次处理时间"
                    ),
                ),
                (
                    "leased_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="占用至"),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="创建时间"
                    ),
                ),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="完成时间"),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="payments.payment",
                        verbose_name="支付",
                    ),
                ),
                (
                    "suspense",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="payments.suspensecharge",
                        verbose_name="异常到账",
                    ),
                ),
            ],
            options={
                "verbose_name": "退款",
                "verbose_name_plural": "退款",
            },
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("state__in", ("creating", "pending"))),
                fields=["inquired_at"],
                name="payment_open_inquired_at",
            ),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("state", "paid")),
                fields=["created_at"],
                name="payment_paid_created_at",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("duplicate_of", None)),
                fields=("order_no",),
                name="payment_order_no_unique",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("creating", "pending"))),
                fields=("order", "channel"),
                name="payment_one_open_per_order_and_channel",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["creating", "pending", "paid", "failed", "expired"])
                ),
                name="payment_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("paid_at__isnull", False), ("state", "paid")),
                    models.Q(models.Q(("state", "paid"), _negated=True), ("paid_at", None)),
                    _connector="OR",
                ),
                name="payment_paid_at_when_paid",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("opened_order", None),
                    models.Q(
                        ("duplicate_of", None),
                        ("opened_order", models.F("order")),
                        ("state", "paid"),
                    ),
                    _connector="OR",
                ),
                name="payment_opens_its_own_order_when_paid",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("refunded_fen__lte", models.F("amount_fen"))),
                name="payment_refunded_at_most_paid",
            ),
        ),
        migrations.AddIndex(
            model_name="discrepancy",
            index=models.Index(
                condition=models.Q(("resolved_at", None)),
                fields=["first_seen_at"],
                name="discrepancy_unresolved",
            ),
        ),
        migrations.AddConstraint(
            model_name="discrepancy",
            constraint=models.UniqueConstraint(
                fields=("kind", "charge_id", "refund_id"), name="discrepancy_once_per_charge"
            ),
        ),
        migrations.AddConstraint(
            model_name="discrepancy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("resolution", ""), ("resolved_at", None)),
                    models.Q(
                        ("resolved_at__isnull", False), models.Q(("resolution", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="discrepancy_resolved_how",
            ),
        ),
        migrations.AddConstraint(
            model_name="staffrequest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "waiting")),
                fields=("verb", "target_id"),
                name="staff_request_one_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="staffrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by", None),
                    models.Q(("decided_by", models.F("requested_by")), _negated=True),
                    _connector="OR",
                ),
                name="staff_request_decided_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="staffrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("state", "waiting")),
                    models.Q(
                        models.Q(("state", "waiting"), _negated=True), ("decided_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="staff_request_decided_when",
            ),
        ),
        migrations.AddIndex(
            model_name="suspensecharge",
            index=models.Index(
                condition=models.Q(("resolution", "")),
                fields=["created_at"],
                name="suspense_unresolved",
            ),
        ),
        migrations.AddConstraint(
            model_name="suspensecharge",
            constraint=models.CheckConstraint(
                condition=models.Q(("refunded_fen__lte", models.F("amount_fen"))),
                name="suspense_refunded_at_most_collected",
            ),
        ),
        migrations.AddConstraint(
            model_name="suspensecharge",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("resolution", ""), ("resolved_at", None)),
                    models.Q(
                        models.Q(("resolution", ""), _negated=True), ("resolved_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="suspense_resolved_how",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("status", 0)), fields=["next_try_at"], name="refund_open_due"
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("status", 1), _negated=True),
                fields=["created_at"],
                name="refund_not_back",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["created_at"], name="refund_created_at"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", [0, 1, 2])), name="refund_status_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("payment__isnull", False), ("suspense", None)),
                    models.Q(
                        ("bearer", "suspense"), ("payment", None), ("suspense__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="refund_of_payment_or_suspense",
            ),
        ),
    ]
