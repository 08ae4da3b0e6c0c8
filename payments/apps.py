"""Money for orders and recharges: payments, refunds, and the provider's book."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = "支付"

    def ready(self) -> None:
        import payments.release  # noqa: F401 (listens for completed orders)
