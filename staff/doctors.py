"""Doctors in the admin: staff verify them, turn them down, and take verifications back."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models, transaction
from django.http import HttpRequest
from django.template.response import TemplateResponse
from rest_framework.exceptions import ValidationError

from accounts import doctor_applications
from accounts.models import LICENCE_TAKEN, Doctor
from api import security_log
from staff.base import BigTableAdmin, YuanField, ask_reason, yuan

HELD = "未能认证 {doctor}：执业证书编号 {number} 已属于另一名医生。"


class VerifiedFilter(admin.SimpleListFilter):
    title = "认证"
    parameter_name = "verified"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "待认证"), ("turned_down", "未通过"), ("yes", "已认证")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Doctor]) -> Any:
        if self.value() == "yes":
            return queryset.filter(is_verified=True)
        waiting = queryset.filter(is_verified=False)
        if self.value() == "no":
            return waiting.filter(turned_down_reason="")
        if self.value() == "turned_down":
            return waiting.exclude(turned_down_reason="")
        return queryset


class DoctorForm(forms.ModelForm):
    def clean_licence_number(self) -> str:
        number = str(self.cleaned_data["licence_number"])
        holders = Doctor.objects.filter(licence_number=number, is_verified=True)
        if self.instance.is_verified and holders.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(LICENCE_TAKEN)
        return number


@admin.register(Doctor)
class DoctorAdmin(BigTableAdmin):
    """Doctors take orders only once verified; all ways go through the actions."""

    form = DoctorForm
    list_display = [
        "user",
        "name",
        "hospital",
        "department",
        "title",
        yuan("online_price_fen", "在线咨询（元）"),
        yuan("monthly_price_fen", "包月（元）"),
        "is_verified",
        "is_accepting",
        "created_at",
    ]
    list_filter = [VerifiedFilter, "is_accepting", "created_at"]
    list_select_related = ["user"]
    search_fields = [
        "user__username",
        "user__name",
        "hospital",
        "department",
        "=licence_number",
    ]
    search_help_text = "用户名、姓名、医院、科室或执业证书编号"
    autocomplete_fields = ["user"]
    readonly_fields = ["is_verified", "turned_down_reason", "created_at"]
    actions = ["verify", "turn_down", "withdraw"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, "user"] if obj else [*self.readonly_fields]

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name in ("online_price_fen", "monthly_price_fen"):
            label = str(db_field.verbose_name).replace("分", "元")
            return YuanField(label=label, initial=db_field.default)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description="姓名")
    def name(self, doctor: Doctor) -> str:
        return doctor.user.name

    @admin.action(description="通过认证", permissions=["change"])
    def verify(self, request: HttpRequest, queryset: models.QuerySet[Doctor]) -> None:
        done = 0
        for doctor in queryset.filter(is_verified=False).select_related("user"):
            try:
                with transaction.atomic():
                    doctor_applications.verify(doctor)
                    self.log_change(request, doctor, "通过认证")
            except ValidationError:
                text = HELD.format(doctor=doctor, number=doctor.licence_number)
                self.message_user(request, text, messages.ERROR)
            else:
                _note(request, doctor, security_log.DOCTOR_VERIFIED)
                done += 1
        self.message_user(request, f"{done} 名医生已通过认证。", messages.SUCCESS)

    @admin.action(description="不通过申请（可更正后重新提交）", permissions=["change"])
    def turn_down(
        self, request: HttpRequest, queryset: models.QuerySet[Doctor]
    ) -> TemplateResponse | None:
        doctors = list(queryset.filter(is_verified=False).select_related("user"))
        answer = ask_reason(
            self,
            request,
            doctors,
            action="turn_down",
            title="不通过申请",
            warning="申请人可以更正后重新提交。",
            lines=[f"{doctor} {doctor.hospital} {doctor.licence_number}" for doctor in doctors],
        )
        if not isinstance(answer, dict):
            return answer
        reason, done = answer["reason"], 0
        for doctor in doctors:
            with transaction.atomic():
                if doctor_applications.turn_down(doctor, reason):
                    self.log_change(request, doctor, f"未通过认证：{reason}")
                    _note(request, doctor, security_log.DOCTOR_TURNED_DOWN)
                    done += 1
        self.message_user(request, f"{done} 份申请未通过。", messages.SUCCESS)
        return None

    @admin.action(description="撤销认证（不再接受新订单）", permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: models.QuerySet[Doctor]) -> None:
        done = 0
        for doctor in queryset.filter(is_verified=True).select_related("user"):
            with transaction.atomic():
                doctor_applications.withdraw(doctor)
                self.log_change(request, doctor, "撤销认证")
            _note(request, doctor, security_log.DOCTOR_WITHDRAWN)
            done += 1
        self.message_user(request, f"{done} 名医生已撤销认证。", messages.SUCCESS)


def _note(request: HttpRequest, doctor: Doctor, event: str) -> None:
    security_log.record(event, request, doctor.user.username, by=str(request.user))
