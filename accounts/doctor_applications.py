"""From applicant to doctor: applying, and what staff decide."""

from django.db import IntegrityError, transaction
from rest_framework.exceptions import PermissionDenied, ValidationError

from accounts.models import LICENCE_TAKEN, Doctor, User

ALREADY_VERIFIED = "您已经通过医生认证。"
STAFF_CANNOT_APPLY = "工作人员账号不能申请成为医生"
NOT_VERIFIED = "仅已认证的医生可以执行此操作"


def apply_as_doctor(
    *,
    user: User,
    licence_number: str,
    hospital: str,
    department: str,
    title: str,
    introduction: str = "",
) -> Doctor:
    """Ask to be a doctor, or ask again with corrections; takes no orders until staff verify it.

    Raises: PermissionDenied for staff; ValidationError if the user is a verified doctor.
    """
    if user.is_staff or user.is_superuser:
        raise PermissionDenied(STAFF_CANNOT_APPLY)
    application = {
        "licence_number": licence_number,
        "hospital": hospital,
        "department": department,
        "title": title,
        "introduction": introduction,
        "turned_down_reason": "",
    }
    with transaction.atomic():
        # A twin of this request, and staff who decide meanwhile, wait.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if Doctor.objects.filter(user=user, is_verified=False).update(**application):
            return Doctor.objects.get(user=user)
        if Doctor.objects.filter(user=user).exists():
            raise ValidationError({"licence_number": [ALREADY_VERIFIED]})
        return Doctor.objects.create(user=user, **application)


def verify(doctor: Doctor) -> None:
    """Let the doctor take orders.  Raises: ValidationError if another holds the licence number."""
    try:
        with transaction.atomic():
            Doctor.objects.filter(pk=doctor.pk).update(is_verified=True, turned_down_reason="")
    except IntegrityError:
        raise ValidationError(LICENCE_TAKEN) from None


def withdraw(doctor: Doctor) -> None:
    """Take the verification back: from now on only what is open may be read, refused, finished."""
    Doctor.objects.filter(pk=doctor.pk).update(is_verified=False)


def turn_down(doctor: Doctor, reason: str) -> bool:
    """Refuse an application, which may be corrected and sent again; False if it was decided."""
    rows = Doctor.objects.filter(pk=doctor.pk, is_verified=False)
    return bool(rows.update(turned_down_reason=reason))


def require_verified(doctor_id: int) -> None:
    """Go on only as a verified doctor, and keep a withdrawal waiting until the transaction ends.

    Raises: PermissionDenied.  Taken after the order's lock, before the patient's.
    """
    rows = Doctor.objects.select_for_update(no_key=True).filter(pk=doctor_id)
    if True not in rows.values_list("is_verified", flat=True):
        raise PermissionDenied(NOT_VERIFIED)
