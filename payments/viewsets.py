"""Paying, recharging, refunds, and the provider's notices."""

from django.db import transaction
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import IsPatient
from api import errors, limit_table
from api.client_address import client_address
from api.failpoints import failpoint
from api.idempotency import idempotent
from api.schema import DETAIL
from api.viewsets import ViewSet, endpoint
from payments import charges, checkout, notices, refunds
from payments.channels import is_remote
from payments.models import Payment
from payments.serializers import (
    ChargeSerializer,
    PayInputSerializer,
    RechargeInputSerializer,
    RefundInputSerializer,
    RefundSerializer,
    RefuseInputSerializer,
)
from pingpp_client import Json
from qaorder.lifecycle import Role
from qaorder.models import Order
from qaorder.viewsets.orders import OneOrderViewSet

SIGNATURE_HEADER = "X-Pingplusplus-Signature"


def _paid(charge: Json | None) -> Response:
    return Response({"status": 0, "message": "", "charge": charge})


def _hand_out(request: Request, payment: Payment, charge: Json) -> Response:
    """Keep the charge and, in the same transaction, the answer for a repeated request.

    Raises: CannotPay, with the charge kept, if the order waits for no money by now.
    """
    with transaction.atomic(durable=True):  # what follows may raise, and must not undo it
        kept = charges.keep(payment, charge)
        response = _paid(kept)
        if kept is not None:
            request.claim.store(response)
    failpoint("pay.charge_stored")
    if kept is None:
        raise errors.CannotPay
    return response


@extend_schema(responses=ChargeSerializer)
class PaymentViewSet(OneOrderViewSet):
    limits = (limit_table.CHARGES,)

    @endpoint(
        serializer_class=PayInputSerializer,
        refusals=(errors.CannotPay, errors.InsufficientBalance, errors.ChannelUnavailable),
    )
    @idempotent(atomic=False)
    def pay(self, request: Request, order_number: str) -> Response:
        """订单支付：微信、支付宝或余额"""
        order, _ = self.get_order(Role.PATIENT)
        channel = self.validated()["channel"]
        if is_remote(channel, order.amount_fen):
            client_ip = client_address(request)
            asked = checkout.charge_for_order(
                order=order, channel=channel, client_ip=client_ip, payer=request.user
            )
            return _hand_out(request, *asked)
        with transaction.atomic():
            checkout.pay_at_once(order=order, channel=channel, payer=request.user)
            response = _paid(None)
            request.claim.store(response)
        return response

    @endpoint(
        permission_classes=[IsAuthenticated, IsPatient],
        serializer_class=RechargeInputSerializer,
        refusals=(errors.ChannelUnavailable,),
    )
    @idempotent(atomic=False)
    def recharge(self, request: Request) -> Response:
        """余额充值：到账通知到达后余额增加"""
        fields = self.validated()
        asked = checkout.charge_for_recharge(
            payer=request.user,
            channel=fields["channel"],
            amount_fen=fields["amount"],
            client_ip=client_address(request),
            request_id=request.claim.request_id,
        )
        return _hand_out(request, *asked)


@extend_schema(responses=RefundSerializer)
class RefundViewSet(OneOrderViewSet):
    refusals = (errors.CannotRefund,)

    @endpoint(serializer_class=RefundInputSerializer)
    @idempotent()
    def refund(self, request: Request, order_number: str) -> Response:
        """申请退款（患者，回答之前）"""
        return self._give_back(Role.PATIENT)

    def retrieve(self, request: Request, order_number: str) -> Response:
        """查询退款（双方）"""
        # Also for an order that the caller has hidden: the money is theirs to follow.
        order = Order.objects.filter(order_number=order_number).first()
        refund = refunds.refund_of(order) if order and order.role_of(request.user) else None
        if refund is None:
            raise Http404
        return Response(RefundSerializer(refund).data)

    @endpoint(serializer_class=RefuseInputSerializer)
    @idempotent()
    def refuse(self, request: Request, order_number: str) -> Response:
        """医生拒绝订单，全额退款"""
        return self._give_back(Role.DOCTOR)

    def _give_back(self, side: Role) -> Response:
        order, role = self.get_order(side)
        refund = refunds.refund_order(
            order=order, role=role, actor=self.request.user, **self.validated()
        )
        return Response(RefundSerializer(refund).data)


class NoticeViewSet(ViewSet):
    max_body = 1024 * 1024
    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(
        parameters=[OpenApiParameter(SIGNATURE_HEADER, str, "header", required=True)],
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT, 400: DETAIL},
    )
    def receive(self, request: Request) -> Response:
        """Ping++ 通知：签名正确的一律 200"""
        try:
            outcome = notices.receive(request._request.body, request.headers.get(SIGNATURE_HEADER))
        except notices.BadSignature:
            return Response({"detail": "签名无效"}, status=status.HTTP_400_BAD_REQUEST)
        return Response({"received": True, "outcome": outcome})
