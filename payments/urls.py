"""What money does, below /qaorder/ and /accounts/balance/."""

from django.urls import path

import api.converters  # noqa: F401 (registers the converters used below)
from payments.viewsets import NoticeViewSet, PaymentViewSet, RefundViewSet

payment, refund = PaymentViewSet.as_view, RefundViewSet.as_view

urlpatterns = [
    path("qaorder/order/pay/<number:order_number>/", payment({"patch": "pay"})),
    path(
        "qaorder/order/refund/<number:order_number>/", refund({"put": "refund", "get": "retrieve"})
    ),
    path("qaorder/order/refuse/<number:order_number>/", refund({"put": "refuse"})),
    path("qaorder/pingpp/webhook/", NoticeViewSet.as_view({"post": "receive"})),
    path("accounts/balance/recharge/", payment({"post": "recharge"})),
]
