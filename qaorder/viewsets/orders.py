"""Orders: placing, reading, cancelling, finishing, hiding."""

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsDoctor, IsPatient
from api import errors, limit_table
from api.idempotency import idempotent
from api.viewsets import NO_HEAD, ViewSet, endpoint
from qaorder import orders as services
from qaorder.filters import CounterpartFilter, OrderFilter, RequiredStatusFilter
from qaorder.lifecycle import Role
from qaorder.models import Order, Status
from qaorder.serializers.inputs import OrderInputSerializer
from qaorder.serializers.outputs import InquiryRecordSerializer, OrderSerializer

WRONG_SIDE = "您无权对该订单执行此操作"
USERNAME = OpenApiParameter("username", {"type": "string", "maxLength": 150}, required=True)


class IsOnSide(BasePermission):
    """`position` in the URL says which side is meant, and proves nothing."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        profile = IsPatient() if view.kwargs["position"] == "patient" else IsDoctor()
        self.message = profile.message
        return profile.has_permission(request, view)


class OneOrderViewSet(ViewSet):
    """The way from a URL to an order: what the caller sees, then which side of it they are."""

    def get_order(self, *allowed: Role) -> tuple[Order, Role]:
        """Return the order in the URL and the caller's role in it.

        Raises: Http404 if it is not theirs to see; PermissionDenied in any but the allowed roles.
        """
        rows = Order.objects.visible_to(self.request.user).with_details()
        order = rows.filter(order_number=self.kwargs["order_number"]).first()
        if order is None:
            raise Http404
        role = Role(order.role_of(self.request.user))
        if role not in (allowed or (Role.PATIENT, Role.DOCTOR)):
            raise PermissionDenied(WRONG_SIDE)
        return order, role


class OrderViewSet(OneOrderViewSet):
    """Three of these act on a GET too, as the document's table or its curl lines have it."""

    queryset = Order.objects.none()
    serializer_class = OrderSerializer

    @extend_schema(responses={201: OrderSerializer})
    @endpoint(
        permission_classes=[IsAuthenticated, IsPatient],
        serializer_class=OrderInputSerializer,
        limits=(limit_table.ORDERS, limit_table.UNPAID_ORDERS),
    )
    @idempotent(limit=limit_table.ORDERS)
    def create(self, request: Request) -> Response:
        """创建问答订单"""
        fields = self.validated()
        order = services.place_order(
            patient=request.user.patient,
            doctor_username=fields["doctor"],
            order_type=fields["order_type"],
        )
        return Response(OrderSerializer(order).data, status=status.HTTP_201_CREATED)

    def retrieve(self, request: Request, order_number: str) -> Response:
        """查看订单详情"""
        order, _ = self.get_order()
        return Response(self.get_serializer(order).data)

    @extend_schema(responses={204: None})
    @endpoint(http_method_names=NO_HEAD, refusals=(errors.CannotDestroy,))
    def destroy(self, request: Request, order_number: str) -> Response:
        """删除订单：仅对自己隐藏"""
        order, role = self.get_order()
        services.destroy_order(order=order, role=role, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @endpoint(permission_classes=[IsAuthenticated, IsOnSide], filterset_class=OrderFilter)
    def list(self, request: Request, position: str) -> Response:
        """按身份获取订单列表，可按状态过滤"""
        return self.page(self._side())

    @extend_schema(parameters=[USERNAME])
    @endpoint(permission_classes=[IsAuthenticated, IsOnSide], filterset_class=CounterpartFilter)
    def newone(self, request: Request, position: str) -> Response:
        """按身份获取与某用户的最新一条订单"""
        order = self.filter_queryset(self._side()).first()
        if order is None:
            raise Http404
        return Response(self.get_serializer(order).data)

    @extend_schema(responses=OrderSerializer(many=True))
    @endpoint(permission_classes=[IsAuthenticated, IsOnSide])
    def list_qa(self, request: Request, position: str) -> Response:
        """按身份获取待回答和已回答的订单"""
        return self.page(self._side().filter(status__in=(Status.WAITING, Status.ANSWERED)))

    @extend_schema(methods=["GET"], deprecated=True)
    @extend_schema(request=None)
    @endpoint(http_method_names=NO_HEAD, refusals=(errors.CannotCancel,))
    def cancel(self, request: Request, order_number: str) -> Response:
        """取消未支付的订单"""
        order, role = self.get_order()
        order = services.cancel_order(order=order, role=role, actor=request.user)
        return Response(self.get_serializer(order).data)

    @extend_schema(methods=["GET"], deprecated=True)
    @extend_schema(request=None)
    @endpoint(http_method_names=NO_HEAD, refusals=(errors.CannotFinish,))
    def finish(self, request: Request, order_number: str) -> Response:
        """结束已回答的订单"""
        order, role = self.get_order()
        order = services.finish_order(order=order, role=role, actor=request.user)
        return Response(self.get_serializer(order).data)

    @extend_schema(deprecated=True, responses=OrderSerializer(many=True))
    @endpoint(filterset_class=RequiredStatusFilter)
    def filter(self, request: Request) -> Response:
        """按状态过滤订单（已废弃，仍可用）"""
        orders = Order.objects.visible_to(request.user)
        return self.page(orders.with_details().newest_first())

    @extend_schema(responses=InquiryRecordSerializer(many=True))
    @endpoint(
        permission_classes=[IsAuthenticated, IsDoctor], serializer_class=InquiryRecordSerializer
    )
    def inquiry_record(self, request: Request, pk: int) -> Response:
        """某患者与当前医生之间的全部订单"""
        rows = Order.objects.filter(doctor_id=request.user.doctor.pk, patient_id=pk)
        response = self.page(rows.newest_first())
        if not response.data["count"]:
            raise Http404
        return response

    def _side(self) -> QuerySet[Order]:
        rows = Order.objects.for_role(self.request.user, self.kwargs["position"])
        return rows.with_details().newest_first()
