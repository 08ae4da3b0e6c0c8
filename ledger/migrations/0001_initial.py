import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Transaction",
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
                            ("recharge", "充值"),
                            ("payment", "支付"),
                            ("refund", "退款"),
                            ("completion", "订单结算"),
                            ("suspense", "异常到账"),
                            ("assigned", "异常到账处理"),
                            ("reversal", "结算冲回"),
                            ("undone", "退款撤销"),
                            ("dispute", "渠道退款由平台承担"),
                            ("payout", "渠道结算"),
                            ("adjustment", "调整"),
                        ],
                        max_length=10,
                        verbose_name="类型",
                    ),
                ),
                ("reference", models.CharField(max_length=60, unique=True, verbose_name="凭证")),
                (
                    "order_number",
                    models.CharField(
                        blank=True, db_index=True, max_length=32, verbose_name="订单号"
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="时间"),
                ),
            ],
            options={
                "verbose_name": "交易",
                "verbose_name_plural": "交易",
            },
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=40, unique=True, verbose_name="编号")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("wallet", "用户余额"),
                            ("clearing", "渠道清算"),
                            ("in_transit", "订单在途"),
                            ("earnings", "医生收入"),
                            ("platform", "平台"),
                            ("suspense", "异常到账"),
                            ("bank", "银行账户"),
                        ],
                        max_length=10,
                        verbose_name="类型",
                    ),
                ),
                (
                    "balance_fen",
                    models.BigIntegerField(blank=True, null=True, verbose_name="余额（分）"),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger_accounts",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="所有者",
                    ),
                ),
            ],
            options={
                "verbose_name": "账户",
                "verbose_name_plural": "账户",
            },
        ),
        migrations.CreateModel(
            name="BalanceSnapshot",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("last_entry", models.BigIntegerField(default=0, verbose_name="截至分录编号")),
                ("balance_fen", models.BigIntegerField(default=0, verbose_name="余额（分）")),
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="snapshot",
                        to="ledger.account",
                        verbose_name="账户",
                    ),
                ),
            ],
            options={
                "verbose_name": "余额快照",
                "verbose_name_plural": "余额快照",
            },
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("amount_fen", models.BigIntegerField(verbose_name="金额（分）")),
                ("balance_after_fen", models.BigIntegerField(null=True, verbose_name="余额（分）")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="ledger.account",
                        verbose_name="账户",
                    ),
                ),
                (
                    "transaction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="ledger.transaction",
                        verbose_name="交易",
                    ),
                ),
            ],
            options={
                "verbose_name": "分录",
                "verbose_name_plural": "分录",
            },
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "wallet"), _negated=True),
                    ("balance_fen__gte", 0),
                    _connector="OR",
                ),
                name="account_wallet_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("balance_fen", None), ("owner", None)),
                    models.Q(("balance_fen__isnull", False), ("owner__isnull", False)),
                    _connector="OR",
                ),
                name="account_balance_cached_for_owners_only",
            ),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.UniqueConstraint(
                fields=("owner", "kind"), name="account_one_per_owner_and_kind"
            ),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["account", "-id"], name="ledger_entr_account_54ec9a_idx"),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_fen", 0), _negated=True), name="entry_moves_money"
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.UniqueConstraint(
                fields=("transaction", "account"), name="entry_one_per_account_and_transaction"
            ),
        ),
    ]
