"""What patients say about doctors."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Doctor
from api import errors
from api.idempotency import idempotent
from api.viewsets import endpoint
from qaorder import orders as services
from qaorder.filters import EvaluationFilter
from qaorder.lifecycle import Role
from qaorder.models import Evaluation
from qaorder.serializers.inputs import EvaluationInputSerializer
from qaorder.serializers.outputs import EvaluationSerializer
from qaorder.viewsets.orders import OneOrderViewSet


class EvaluationViewSet(OneOrderViewSet):
    queryset = Evaluation.objects.none()
    serializer_class = EvaluationSerializer

    @extend_schema(responses=EvaluationSerializer)
    @endpoint(serializer_class=EvaluationInputSerializer, refusals=(errors.CannotEvaluate,))
    @idempotent()
    def evaluate(self, request: Request, order_number: str) -> Response:
        """评价已结束的订单"""
        order, _ = self.get_order(Role.PATIENT)
        evaluation = services.evaluate_order(order=order, actor=request.user, **self.validated())
        context = self.get_serializer_context()
        return Response(EvaluationSerializer(evaluation, context=context).data)

    @endpoint(filterset_class=EvaluationFilter)
    def list(self, request: Request, username: str) -> Response:
        """某医生的全部评价，最早在前"""
        doctors = Doctor.objects.verified().filter(user__username=username)
        doctor_id = doctors.values_list("pk", flat=True).first()
        if doctor_id is None:
            raise Http404
        rows = Evaluation.objects.filter(doctor_id=doctor_id).order_by("created_at", "pk")
        return self.page(rows.select_related("order__patient__user", "doctor__user"))
