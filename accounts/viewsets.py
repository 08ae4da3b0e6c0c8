"""Endpoints below /accounts/."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import doctor_applications, serializers, services, sessions
from accounts.filters import DoctorFilter
from accounts.models import Doctor, User
from accounts.password_attempts import password_attempt, remember_network
from accounts.schema import MeSerializer, MeUpdateSerializer
from api import limit_table, limits
from api.client_address import client_network
from api.schema import DETAIL


class _OpenView(GenericAPIView):
    """Does not look at the Authorization header, yet answers 401 with the header it asks for."""

    authentication_classes = []
    permission_classes = [AllowAny]

    def get_authenticate_header(self, request: Request) -> str:
        return "Token"

    def session(self, user: User, status_code: int) -> Response:
        token, digits = services.issue_token(user)
        body = {"token": digits, "expiry": token.expiry, "user": user}
        return Response(serializers.SessionSerializer(body).data, status=status_code)


class RegisterView(_OpenView):
    """注册患者账号"""

    serializer_class = serializers.RegisterSerializer
    limits = (limit_table.REGISTRATIONS,)

    @extend_schema(responses={201: serializers.SessionSerializer})
    def post(self, request: Request) -> Response:
        with limits.counted((limit_table.REGISTRATIONS, client_network(request))):
            serializer = self.get_serializer(data=request.data)
            serializer.is_valid(raise_exception=True)
            data = dict(serializer.validated_data)
            data["inviter"] = data.pop("inviter_code", None)
            user = services.register_patient(**data)
        remember_network(user, request)
        return self.session(user, status.HTTP_201_CREATED)


class LoginView(_OpenView):
    """登录"""

    serializer_class = serializers.LoginSerializer
    limits = limit_table.LOGIN_LIMITS

    @extend_schema(responses={200: serializers.SessionSerializer, 401: DETAIL})
    def post(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with password_attempt(request, serializer.validated_data["username"]):
            user = services.log_in(**serializer.validated_data)
        remember_network(user, request)
        return self.session(user, status.HTTP_200_OK)


class LogoutView(APIView):
    """退出登录：当前令牌失效"""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        request.auth.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class LogoutAllView(APIView):
    """退出所有设备：全部令牌失效"""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        request.user.auth_token_set.all().delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordView(GenericAPIView):
    """修改密码：其他令牌全部失效"""

    serializer_class = serializers.PasswordSerializer
    limits = limit_table.LOGIN_LIMITS

    @extend_schema(responses={204: None})
    def post(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        services.change_password(
            user=request.user,
            token=request.auth,
            new_password=serializer.validated_data["new_password"],
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordResetView(_OpenView):
    """用工作人员提供的重置码设置新密码：全部令牌失效"""

    serializer_class = serializers.PasswordResetSerializer

    @extend_schema(responses={204: None})
    def post(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with password_attempt(request, serializer.validated_data["username"]):
            services.reset_password(**serializer.validated_data)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionListView(APIView):
    """当前账号的登录设备"""

    @extend_schema(responses=serializers.DeviceSerializer(many=True))
    def get(self, request: Request) -> Response:
        rows = sessions.sessions_of(request.user)
        context = {"token": request.auth}
        return Response(serializers.DeviceSerializer(rows, many=True, context=context).data)


class SessionView(APIView):
    """结束一个登录设备的会话"""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        if not sessions.end(request.user, pk):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(APIView):
    """当前用户"""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        return Response(_me(request.user))

    @extend_schema(
        summary="修改当前用户，医生还可改简介、价格和接单",
        request=MeUpdateSerializer,
        responses=MeSerializer,
    )
    def patch(self, request: Request) -> Response:
        user: User = request.user
        # Whoever has no doctor profile has nothing to save there; what is no price is none to all.
        forms: list[Any] = [
            serializers.UserUpdateSerializer(user, data=request.data, partial=True),
            serializers.DoctorProfileSerializer(
                user.doctor_profile, data=request.data, partial=True
            ),
        ]
        errors = {name: text for f in forms if not f.is_valid() for name, text in f.errors.items()}
        if errors:
            raise serializers.serializers.ValidationError(errors)
        with transaction.atomic():
            for form in forms:
                if form.instance is not None:
                    form.save()
        return Response(_me(user))


def _me(user: User) -> dict[str, Any]:
    body = dict(serializers.UserSerializer(user).data)
    if user.doctor_profile:
        body |= serializers.DoctorProfileSerializer(user.doctor_profile).data
    return body


class DoctorListView(ListAPIView[Doctor]):
    """医生列表（已认证）"""

    serializer_class = serializers.DoctorSerializer
    filter_backends = [DjangoFilterBackend]
    filterset_class = DoctorFilter
    queryset = Doctor.objects.none()

    def get_queryset(self) -> QuerySet[Doctor]:
        return Doctor.objects.verified().with_scores().select_related("user").order_by("-pk")


class DoctorDetailView(RetrieveAPIView[Doctor]):
    """医生详情"""

    serializer_class = serializers.DoctorSerializer
    lookup_field = "user__username"
    lookup_url_kwarg = "username"
    queryset = Doctor.objects.none()

    def get_queryset(self) -> QuerySet[Doctor]:
        return Doctor.objects.verified().with_scores().select_related("user")


class DoctorApplyView(GenericAPIView):
    """申请成为医生，等待工作人员认证；通过之前可以更正后再次提交"""

    serializer_class = serializers.DoctorApplicationSerializer

    @extend_schema(responses={201: serializers.DoctorSerializer})
    def post(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        doctor = doctor_applications.apply_as_doctor(user=request.user, **serializer.validated_data)
        shown = Doctor.objects.with_scores().select_related("user").get(pk=doctor.pk)
        return Response(serializers.DoctorSerializer(shown).data, status=status.HTTP_201_CREATED)
