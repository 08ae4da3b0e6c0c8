"""What money does, below /qaorder/ and /accounts/balance/."""

from django.urls import path

import api.converters  # noqa: F401 (registers the converters used below)
from payments import viewsets

urlpatterns = [
    path("qaorder/order/pay/<number:order_number>/", viewsets.OrderPayView.as_view()),
    path("qaorder/order/refund/<number:order_number>/", viewsets.OrderRefundView.as_view()),
    path("qaorder/order/refuse/<number:order_number>/", viewsets.OrderRefuseView.as_view()),
    path("qaorder/pingpp/webhook/", viewsets.PingppWebhookView.as_view()),
    path("accounts/balance/recharge/", viewsets.RechargeView.as_view()),
]
