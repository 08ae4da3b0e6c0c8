"""Who may call an endpoint, by profile. Rows are scoped by querysets, not here."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.doctor_applications import NOT_VERIFIED


class IsPatient(BasePermission):
    message = "仅患者可以执行此操作"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.patient_profile is not None


class IsDoctor(BasePermission):
    message = "仅医生可以执行此操作"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.doctor_profile is not None


class IsVerifiedDoctor(BasePermission):
    """For what a doctor does to patients and lists; the services look again, under a lock."""

    message = NOT_VERIFIED

    def has_permission(self, request: Request, view: APIView) -> bool:
        doctor = request.user.doctor_profile
        return doctor is not None and doctor.is_verified
