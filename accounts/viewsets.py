"""Endpoints below /accounts/, the balance's excepted."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError

from accounts import doctor_applications, serializers, services, sessions
from accounts.filters import DoctorFilter
from accounts.models import Doctor, User
from accounts.password_attempts import password_attempt, remember_network
from accounts.schema import MeSerializer, MeUpdateSerializer
from api import limit_table, limits
from api.client_address import client_network
from api.schema import DETAIL
from api.viewsets import ViewSet, endpoint

OPEN: dict[str, Any] = {"authentication_classes": [], "permission_classes": [AllowAny]}
"""Does not look at the Authorization header."""


def _signed_in(user: User, status_code: int) -> Response:
    token, digits = services.issue_token(user)
    body = {"token": digits, "expiry": token.expiry, "user": user}
    return Response(serializers.SessionSerializer(body).data, status=status_code)


class AccountViewSet(ViewSet):
    def get_authenticate_header(self, request: Request) -> str:
        """As everywhere, also where the Authorization header is not looked at."""
        return "Token"

    @extend_schema(responses={201: serializers.SessionSerializer})
    @endpoint(
        **OPEN,
        serializer_class=serializers.RegisterSerializer,
        limits=(limit_table.REGISTRATIONS,),
    )
    def register(self, request: Request) -> Response:
        """注册患者账号"""
        with limits.counted((limit_table.REGISTRATIONS, client_network(request))):
            fields = dict(self.validated())
            fields["inviter"] = fields.pop("inviter_code", None)
            user = services.register_patient(**fields)
        remember_network(user, request)
        return _signed_in(user, status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    @endpoint(serializer_class=serializers.PasswordSerializer, limits=limit_table.LOGIN_LIMITS)
    def change_password(self, request: Request) -> Response:
        """修改密码：其他令牌全部失效"""
        new_password = self.validated()["new_password"]
        services.change_password(user=request.user, token=request.auth, new_password=new_password)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None})
    @endpoint(**OPEN, serializer_class=serializers.PasswordResetSerializer)
    def reset_password(self, request: Request) -> Response:
        """用工作人员提供的重置码设置新密码：全部令牌失效"""
        fields = self.validated()
        with password_attempt(request, fields["username"]):
            services.reset_password(**fields)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionViewSet(ViewSet):
    def get_authenticate_header(self, request: Request) -> str:
        """Login too answers 401 with the header that it does not look at."""
        return "Token"

    @extend_schema(responses={200: serializers.SessionSerializer, 401: DETAIL})
    @endpoint(**OPEN, serializer_class=serializers.LoginSerializer, limits=limit_table.LOGIN_LIMITS)
    def login(self, request: Request) -> Response:
        """登录"""
        fields = self.validated()
        with password_attempt(request, fields["username"]):
            user = services.log_in(**fields)
        remember_network(user, request)
        return _signed_in(user, status.HTTP_200_OK)

    @extend_schema(request=None, responses={204: None})
    def logout(self, request: Request) -> Response:
        """退出登录：当前令牌失效"""
        request.auth.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    def logout_all(self, request: Request) -> Response:
        """退出所有设备：全部令牌失效"""
        request.user.auth_token_set.all().delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    @endpoint(serializer_class=serializers.DeviceSerializer, pagination_class=None)
    def list(self, request: Request) -> Response:
        """当前账号的登录设备"""
        rows = sessions.sessions_of(request.user)
        context = {"token": request.auth}
        return Response(serializers.DeviceSerializer(rows, many=True, context=context).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """结束一个登录设备的会话"""
        if not sessions.end(request.user, pk):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeViewSet(ViewSet):
    serializer_class = MeSerializer

    def retrieve(self, request: Request) -> Response:
        """当前用户"""
        return Response(_me(request.user))

    @extend_schema(request=MeUpdateSerializer)
    def partial_update(self, request: Request) -> Response:
        """修改当前用户，医生还可改简介、价格和接单"""
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
            raise ValidationError(errors)
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


class DoctorViewSet(ViewSet):
    queryset = Doctor.objects.none()
    serializer_class = serializers.DoctorSerializer

    def get_queryset(self) -> QuerySet[Doctor]:
        return Doctor.objects.verified().with_scores().select_related("user")

    @endpoint(filterset_class=DoctorFilter)
    def list(self, request: Request) -> Response:
        """医生列表（已认证）"""
        return self.page(self.get_queryset().order_by("-pk"))

    def retrieve(self, request: Request, username: str) -> Response:
        """医生详情"""
        doctor = get_object_or_404(self.get_queryset(), user__username=username)
        return Response(self.get_serializer(doctor).data)

    @extend_schema(responses={201: serializers.DoctorSerializer})
    @endpoint(serializer_class=serializers.DoctorApplicationSerializer)
    def apply(self, request: Request) -> Response:
        """申请成为医生，等待工作人员认证；通过之前可以更正后再次提交"""
        doctor = doctor_applications.apply_as_doctor(user=request.user, **self.validated())
        shown = Doctor.objects.with_scores().select_related("user").get(pk=doctor.pk)
        return Response(serializers.DoctorSerializer(shown).data, status=status.HTTP_201_CREATED)
