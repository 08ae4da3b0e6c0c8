"""Orders: placing, reading, cancelling, finishing, evaluating, hiding."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Doctor
from accounts.permissions import IsDoctor, IsPatient
from api import errors, limit_table
from api.idempotency import idempotent
from qaorder import orders as services
from qaorder.filters import (
    CounterpartFilter,
    EvaluationFilter,
    OrderFilter,
    RequiredStatusFilter,
)
from qaorder.lifecycle import Role
from qaorder.models import Evaluation, Order, Status
from qaorder.serializers.inputs import EvaluationInputSerializer, OrderInputSerializer
from qaorder.serializers.orders import (
    EvaluationSerializer,
    InquiryRecordSerializer,
    OrderSerializer,
)

WRONG_SIDE = "您无权对该订单执行此操作"
USERNAME = OpenApiParameter("username", {"type": "string", "maxLength": 150}, required=True)
NO_HEAD = ["get", "post", "put", "patch", "delete"]
"""A HEAD must not act where GET does."""


class OrderMixin:
    """The way from a URL to an order: what the caller sees, then which side of it they are."""

    request: Request
    kwargs: dict[str, Any]

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


class OrderCreateView(GenericAPIView[Order]):
    """创建问答订单"""

    permission_classes = [*GenericAPIView.permission_classes, IsPatient]
    serializer_class = OrderInputSerializer
    limits = (limit_table.ORDERS, limit_table.UNPAID_ORDERS)

    @extend_schema(responses={201: OrderSerializer})
    @idempotent(limit=limit_table.ORDERS)
    def post(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        order = services.place_order(
            patient=request.user.patient,
            doctor_username=serializer.validated_data["doctor"],
            order_type=serializer.validated_data["order_type"],
        )
        return Response(OrderSerializer(order).data, status=status.HTTP_201_CREATED)


class OrderDetailView(OrderMixin, APIView):
    """查看订单详情"""

    @extend_schema(responses=OrderSerializer)
    def get(self, request: Request, order_number: str) -> Response:
        order, _ = self.get_order()
        return Response(OrderSerializer(order).data)


class OrderDestroyView(OrderMixin, APIView):
    """删除订单：仅对自己隐藏"""

    http_method_names = NO_HEAD
    refusals = (errors.CannotDestroy,)

    @extend_schema(responses={204: None})
    def get(self, request: Request, order_number: str) -> Response:
        order, role = self.get_order()
        services.destroy_order(order=order, role=role, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, order_number: str) -> Response:
        return self.get(request, order_number)


class _OrderMoveView(OrderMixin, APIView):
    """A move by either side, by PUT; GET works too, because the document's curl lines use it."""

    http_method_names = NO_HEAD

    def move(self, order: Order, role: Role) -> Order:
        raise NotImplementedError

    @extend_schema(request=None, responses=OrderSerializer)
    def put(self, request: Request, order_number: str) -> Response:
        order, role = self.get_order()
        return Response(OrderSerializer(self.move(order, role)).data)

    @extend_schema(deprecated=True, responses=OrderSerializer)
    def get(self, request: Request, order_number: str) -> Response:
        return self.put(request, order_number)


class OrderCancelView(_OrderMoveView):
    """取消未支付的订单"""

    refusals = (errors.CannotCancel,)

    def move(self, order: Order, role: Role) -> Order:
        return services.cancel_order(order=order, role=role, actor=self.request.user)


class OrderFinishView(_OrderMoveView):
    """结束已回答的订单"""

    refusals = (errors.CannotFinish,)

    def move(self, order: Order, role: Role) -> Order:
        return services.finish_order(order=order, role=role, actor=self.request.user)


class OrderEvaluateView(OrderMixin, GenericAPIView[Order]):
    """评价已结束的订单"""

    serializer_class = EvaluationInputSerializer
    refusals = (errors.CannotEvaluate,)

    @extend_schema(responses=EvaluationSerializer)
    @idempotent()
    def put(self, request: Request, order_number: str) -> Response:
        order, _ = self.get_order(Role.PATIENT)
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        evaluation = services.evaluate_order(
            order=order, actor=request.user, **serializer.validated_data
        )
        context = self.get_serializer_context()
        return Response(EvaluationSerializer(evaluation, context=context).data)


class _PositionMixin:
    """`position` in the URL says which side is meant, and proves nothing."""

    request: Request
    kwargs: dict[str, Any]

    def get_permissions(self) -> list[Any]:
        profile = IsPatient if self.kwargs.get("position") == "patient" else IsDoctor
        return [permission() for permission in (*GenericAPIView.permission_classes, profile)]

    def side(self) -> QuerySet[Order]:
        user, position = self.request.user, self.kwargs["position"]
        return Order.objects.for_role(user, position).with_details().newest_first()


class OrderListView(_PositionMixin, ListAPIView[Order]):
    """按身份获取订单列表，可按状态过滤"""

    serializer_class = OrderSerializer
    filter_backends = [DjangoFilterBackend]
    filterset_class = OrderFilter
    queryset = Order.objects.none()

    def get_queryset(self) -> QuerySet[Order]:
        return self.side()


class OrderQaListView(_PositionMixin, ListAPIView[Order]):
    """按身份获取待回答和已回答的订单"""

    serializer_class = OrderSerializer
    queryset = Order.objects.none()

    def get_queryset(self) -> QuerySet[Order]:
        return self.side().filter(status__in=(Status.WAITING, Status.ANSWERED))


class OrderNewestView(_PositionMixin, GenericAPIView[Order]):
    """按身份获取与某用户的最新一条订单"""

    serializer_class = OrderSerializer
    filter_backends = [DjangoFilterBackend]
    filterset_class = CounterpartFilter
    pagination_class = None
    queryset = Order.objects.none()

    def get_queryset(self) -> QuerySet[Order]:
        return self.side()

    @extend_schema(parameters=[USERNAME])
    def get(self, request: Request, position: str) -> Response:
        order = self.filter_queryset(self.get_queryset()).first()
        if order is None:
            raise Http404
        return Response(self.get_serializer(order).data)


@extend_schema(deprecated=True)
class OrderFilterView(ListAPIView[Order]):
    """按状态过滤订单（已废弃，仍可用）"""

    serializer_class = OrderSerializer
    filter_backends = [DjangoFilterBackend]
    filterset_class = RequiredStatusFilter
    queryset = Order.objects.none()

    def get_queryset(self) -> QuerySet[Order]:
        return Order.objects.visible_to(self.request.user).with_details().newest_first()


class DoctorEvaluationListView(ListAPIView[Evaluation]):
    """某医生的全部评价，最早在前"""

    serializer_class = EvaluationSerializer
    filter_backends = [DjangoFilterBackend]
    filterset_class = EvaluationFilter
    queryset = Evaluation.objects.none()

    def get_queryset(self) -> QuerySet[Evaluation]:
        doctors = Doctor.objects.verified().filter(user__username=self.kwargs["username"])
        doctor_id = doctors.values_list("pk", flat=True).first()
        if doctor_id is None:
            raise Http404
        rows = Evaluation.objects.filter(doctor_id=doctor_id)
        return rows.select_related("order__patient__user", "doctor__user").order_by(
            "created_at", "pk"
        )


class InquiryRecordView(ListAPIView[Order]):
    """某患者与当前医生之间的全部订单"""

    permission_classes = [*ListAPIView.permission_classes, IsDoctor]
    serializer_class = InquiryRecordSerializer
    queryset = Order.objects.none()

    def get_queryset(self) -> QuerySet[Order]:
        rows = Order.objects.filter(
            doctor_id=self.request.user.doctor.pk, patient_id=self.kwargs["pk"]
        )
        return rows.newest_first()

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        if not page:
            raise Http404
        return page
