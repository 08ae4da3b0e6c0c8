import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import api.text


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "order_number",
                    models.CharField(max_length=26, unique=True, verbose_name="订单号"),
                ),
                (
                    "order_type",
                    models.CharField(
                        choices=[("online", "在线咨询"), ("monthly", "包月服务")],
                        max_length=7,
                        verbose_name="类型",
                    ),
                ),
                ("amount_fen", models.PositiveIntegerField(verbose_name="金额（分）")),
                (
                    "platform_share_percent",
                    models.PositiveSmallIntegerField(default=0, verbose_name="平台分成（%）"),
                ),
                (
                    "status",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "待支付"),
                            (1, "已支付"),
                            (2, "待回答"),
                            (3, "已回答"),
                            (4, "待评价"),
                            (5, "已评价"),
                            (6, "取消"),
                        ],
                        default=0,
                        verbose_name="状态",
                    ),
                ),
                (
                    "status_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="状态时间"
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("wx", "微信"), ("alipay", "支付宝"), ("balance", "余额")],
                        default="alipay",
                        max_length=7,
                        verbose_name="支付方式",
                    ),
                ),
                ("pay_deadline", models.DateTimeField(verbose_name="支付截止")),
                ("paid_at", models.DateTimeField(blank=True, null=True, verbose_name="支付时间")),
                (
                    "released_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="结算时间"),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="创建时间"
                    ),
                ),
                (
                    "next_try_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="系统下次处理时间"),
                ),
                (
                    "failures",
                    models.PositiveIntegerField(
                        db_default=0, default=0, verbose_name="系统处理失败次数"
                    ),
                ),
                (
                    "patient_hidden_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="患者删除时间"),
                ),
                (
                    "doctor_hidden_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="医生删除时间"),
                ),
                (
                    "doctor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="accounts.doctor",
                        verbose_name="医生",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="accounts.patient",
                        verbose_name="患者",
                    ),
                ),
            ],
            options={
                "verbose_name": "订单",
                "verbose_name_plural": "订单",
            },
        ),
        migrations.CreateModel(
            name="OrderEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("event", models.CharField(max_length=10, verbose_name="事件")),
                (
                    "from_status",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "待支付"),
                            (1, "已支付"),
                            (2, "待回答"),
                            (3, "已回答"),
                            (4, "待评价"),
                            (5, "已评价"),
                            (6, "取消"),
                        ],
                        verbose_name="原状态",
                    ),
                ),
                (
                    "to_status",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "待支付"),
                            (1, "已支付"),
                            (2, "待回答"),
                            (3, "已回答"),
                            (4, "待评价"),
                            (5, "已评价"),
                            (6, "取消"),
                        ],
                        verbose_name="新状态",
                    ),
                ),
                ("role", models.CharField(max_length=10, verbose_name="操作方")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="时间"),
                ),
                (
                    "actor",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="操作人",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="qaorder.order",
                        verbose_name="订单",
                    ),
                ),
            ],
            options={
                "verbose_name": "订单变更",
                "verbose_name_plural": "订单变更",
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="Period",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("start_at", models.DateTimeField(verbose_name="开始时间")),
                ("end_at", models.DateTimeField(verbose_name="结束时间")),
                (
                    "refunded_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="退款时间"),
                ),
                (
                    "closed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="到期处理时间"),
                ),
                (
                    "doctor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="periods",
                        to="accounts.doctor",
                        verbose_name="医生",
                    ),
                ),
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="period",
                        to="qaorder.order",
                        verbose_name="订单",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="periods",
                        to="accounts.patient",
                        verbose_name="患者",
                    ),
                ),
            ],
            options={
                "verbose_name": "包月服务",
                "verbose_name_plural": "包月服务",
            },
        ),
        migrations.AddField(
            model_name="order",
            name="covered_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="free_orders",
                to="qaorder.period",
                verbose_name="所属包月",
            ),
        ),
        migrations.CreateModel(
            name="Question",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("allergy_history", models.TextField(blank=True, verbose_name="过敏史")),
                ("smoke_history", models.TextField(blank=True, verbose_name="吸烟史")),
                ("condition_description", models.TextField(verbose_name="病情描述")),
                ("desc_files", models.TextField(blank=True, verbose_name="描述文件")),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="创建时间"
                    ),
                ),
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="qaorder.order",
                        verbose_name="订单",
                    ),
                ),
            ],
            options={
                "verbose_name": "问题",
                "verbose_name_plural": "问题",
            },
        ),
        migrations.CreateModel(
            name="Answer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("diagnosis_tags", models.TextField(default="[]", verbose_name="诊断标签")),
                ("drugs", models.TextField(default="[]", verbose_name="药品")),
                ("diagnosis_result", models.TextField(verbose_name="诊断结果")),
                ("extra_suggestion", models.TextField(blank=True, verbose_name="其他建议")),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="创建时间"
                    ),
                ),
                (
                    "question",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="qaorder.question",
                        verbose_name="问题",
                    ),
                ),
            ],
            options={
                "verbose_name": "回答",
                "verbose_name_plural": "回答",
            },
        ),
        migrations.CreateModel(
            name="DiagnosisTag",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=100, validators=[api.text.check_line], verbose_name="名称"
                    ),
                ),
                (
                    "is_shared",
                    models.BooleanField(default=False, editable=False, verbose_name="共享"),
                ),
                (
                    "description",
                    models.CharField(
                        blank=True,
                        max_length=500,
                        validators=[api.text.check_text],
                        verbose_name="描述",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="所有者",
                    ),
                ),
            ],
            options={
                "verbose_name": "诊断标签",
                "verbose_name_plural": "诊断标签",
                "permissions": [("share_diagnosistag", "可以共享诊断标签")],
                "indexes": [
                    models.Index(fields=["owner", "-id"], name="qaorder_dia_owner_i_dba64e_idx")
                ],
            },
        ),
        migrations.CreateModel(
            name="Drug",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=100, validators=[api.text.check_line], verbose_name="名称"
                    ),
                ),
                (
                    "is_shared",
                    models.BooleanField(default=False, editable=False, verbose_name="共享"),
                ),
                (
                    "standard",
                    models.CharField(
                        blank=True,
                        max_length=100,
                        validators=[api.text.check_text],
                        verbose_name="规格",
                    ),
                ),
                (
                    "total_dosage",
                    models.CharField(
                        blank=True,
                        max_length=100,
                        validators=[api.text.check_text],
                        verbose_name="总量",
                    ),
                ),
                (
                    "each_dosage",
                    models.CharField(
                        blank=True,
                        max_length=100,
                        validators=[api.text.check_text],
                        verbose_name="每次用量",
                    ),
                ),
                (
                    "day_times",
                    models.CharField(
                        blank=True,
                        max_length=100,
                        validators=[api.text.check_text],
                        verbose_name="每日次数",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="所有者",
                    ),
                ),
            ],
            options={
                "verbose_name": "药品",
                "verbose_name_plural": "药品",
                "permissions": [("share_drug", "可以共享药品")],
                "indexes": [
                    models.Index(fields=["owner", "-id"], name="qaorder_dru_owner_i_a54ccf_idx")
                ],
            },
        ),
        migrations.CreateModel(
            name="Evaluation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "evaluate_type",
                    models.CharField(
                        choices=[("online", "在线咨询"), ("monthly", "包月服务")],
                        max_length=7,
                        verbose_name="类型",
                    ),
                ),
                (
                    "scores",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "一星"), (2, "二星"), (3, "三星"), (4, "四星"), (5, "五星")],
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(5),
                        ],
                        verbose_name="评分",
                    ),
                ),
                ("content", models.TextField(verbose_name="内容")),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="创建时间"
                    ),
                ),
                (
                    "doctor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="evaluations",
                        to="accounts.doctor",
                        verbose_name="医生",
                    ),
                ),
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="qaorder.order",
                        verbose_name="订单",
                    ),
                ),
            ],
            options={
                "verbose_name": "评价",
                "verbose_name_plural": "评价",
                "indexes": [
                    models.Index(
                        fields=["doctor", "created_at", "id"], name="evaluation_doctor_time"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("scores__range", (1, 5))),
                        name="evaluation_one_to_five_stars",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="period",
            index=models.Index(fields=["patient", "doctor", "end_at"], name="period_pair_end"),
        ),
        migrations.AddIndex(
            model_name="period",
            index=models.Index(
                condition=models.Q(("closed_at", None)), fields=["end_at"], name="period_to_close"
            ),
        ),
        migrations.AddConstraint(
            model_name="period",
            constraint=models.CheckConstraint(
                condition=models.Q(("end_at__gte", models.F("start_at"))),
                name="period_ends_after_start",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["patient", "-created_at", "-id"], name="order_patient_time"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["patient", "status", "-created_at", "-id"], name="order_patient_status"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["doctor", "-created_at", "-id"], name="order_doctor_time"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["doctor", "status", "-created_at", "-id"], name="order_doctor_status"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["doctor", "patient", "-created_at", "-id"], name="order_pair_time"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("status", 0)),
                fields=["pay_deadline"],
                name="order_unpaid_deadline",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["status", "status_at"], name="order_status_at"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("released_at", None), ("status__in", (4, 5))),
                fields=["status_at"],
                name="order_unreleased",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("order_type", "online"), ("status__in", (1, 2))),
                fields=["status", "status_at"],
                name="order_online_status_at",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", [0, 1, 2, 3, 4, 5, 6])), name="order_status_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", (0, 6)), ("paid_at__isnull", False), _connector="OR"
                ),
                name="order_served_only_when_paid",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("platform_share_percent__lte", 100)),
                name="order_share_at_most_all",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("released_at", None), ("status__in", (4, 5)), _connector="OR"),
                name="order_released_only_when_completed",
            ),
        ),
    ]
