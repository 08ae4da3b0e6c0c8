"""The double-entry book: accounts, transactions, entries. Rows are only ever added."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class AccountKind(models.TextChoices):
    WALLET = "wallet", "用户余额"
    CLEARING = "clearing", "渠道清算"
    IN_TRANSIT = "in_transit", "订单在途"
    EARNINGS = "earnings", "医生收入"
    PLATFORM = "platform", "平台"
    SUSPENSE = "suspense", "异常到账"
    BANK = "bank", "银行账户"


class TransactionKind(models.TextChoices):
    RECHARGE = "recharge", "充值"
    PAYMENT = "payment", "支付"
    REFUND = "refund", "退款"
    COMPLETION = "completion", "订单结算"
    SUSPENSE = "suspense", "异常到账"
    ASSIGNED = "assigned", "异常到账处理"
    REVERSAL = "reversal", "结算冲回"
    UNDONE = "undone", "退款撤销"
    DISPUTE = "dispute", "渠道退款由平台承担"
    PAYOUT = "payout", "渠道结算"
    ADJUSTMENT = "adjustment", "调整"


class Account(models.Model):
    """Where money can be. Positive: we owe it to the owner; clearing and bank are owed to us.

    Only accounts with an owner cache their balance. The shared ones would serialise every payment
    on one row, so theirs is the sum of their entries, kept up to some entry by `snapshots`.
    """

    code = models.CharField("编号", max_length=40, unique=True)
    kind = models.CharField("类型", max_length=10, choices=AccountKind.choices)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="ledger_accounts",
        verbose_name="所有者",
    )
    balance_fen = models.BigIntegerField("余额（分）", null=True, blank=True)

    class Meta:
        verbose_name = "账户"
        verbose_name_plural = "账户"
        constraints = [
            # Behind the condition in `services._move`.
            models.CheckConstraint(
                condition=~models.Q(kind="wallet") | models.Q(balance_fen__gte=0),
                name="account_wallet_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(owner=None, balance_fen=None)
                | models.Q(owner__isnull=False, balance_fen__isnull=False),
                name="account_balance_cached_for_owners_only",
            ),
            models.UniqueConstraint(
                fields=["owner", "kind"], name="account_one_per_owner_and_kind"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Transaction(models.Model):
    """One movement of money; its entries sum to zero.

    `reference` names the cause ("capture:12") and is unique: one cause moves money once.
    """

    kind = models.CharField("类型", max_length=10, choices=TransactionKind.choices)
    reference = models.CharField("凭证", max_length=60, unique=True)
    order_number = models.CharField("订单号", max_length=32, blank=True, db_index=True)
    created_at = models.DateTimeField("时间", default=timezone.now)

    class Meta:
        verbose_name = "交易"
        verbose_name_plural = "交易"

    def __str__(self) -> str:
        return self.reference


class Entry(models.Model):
    """One leg of a transaction. `balance_after` only where the account caches its balance."""

    transaction = models.ForeignKey(
        Transaction, on_delete=models.PROTECT, related_name="entries", verbose_name="交易"
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="entries", verbose_name="账户"
    )
    amount_fen = models.BigIntegerField("金额（分）")
    balance_after_fen = models.BigIntegerField("余额（分）", null=True)

    class Meta:
        verbose_name = "分录"
        verbose_name_plural = "分录"
        indexes = [models.Index(fields=["account", "-id"])]
        constraints = [
            models.CheckConstraint(condition=~models.Q(amount_fen=0), name="entry_moves_money"),
            models.UniqueConstraint(
                fields=["transaction", "account"], name="entry_one_per_account_and_transaction"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.amount_fen:+d}"


class BalanceSnapshot(models.Model):
    """What a shared account held when all entries up to `last_entry`, and no others, were made."""

    account = models.OneToOneField(
        Account, on_delete=models.PROTECT, related_name="snapshot", verbose_name="账户"
    )
    last_entry = models.BigIntegerField("截至分录编号", default=0)
    balance_fen = models.BigIntegerField("余额（分）", default=0)

    class Meta:
        verbose_name = "余额快照"
        verbose_name_plural = "余额快照"

    def __str__(self) -> str:
        return f"{self.account_id} @ {self.last_entry}"
