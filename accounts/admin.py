"""Accounts in the admin: users, patients, and doctors, whom staff verify here."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, UserCreationForm
from django.db import models, transaction
from django.http import HttpRequest
from knox.models import AuthToken

from accounts.models import Doctor, Patient, User, new_invitation_code
from feiqingsong import money, security_log
from feiqingsong.admin import BigTableAdmin, yuan
from feiqingsong.fields import HTTP_URL

BAD_PRICE = "请输入金额，例如 15.00，最多两位小数，不超过 50000.00。"
PRIVILEGES = ["is_staff", "is_superuser", "groups"]


def end_sessions(user: User) -> None:
    """Make every API token of the user worthless; admin sessions end by themselves."""
    AuthToken.objects.filter(user=user).delete()


class NewUserForm(UserCreationForm):
    class Meta:
        model = User
        fields = ["username"]


class PasswordChangeForm(AdminPasswordChangeForm):
    """Setting somebody's password ends their sessions, as changing it themselves does."""

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit)
        end_sessions(user)
        return user


class IdentityFilter(admin.SimpleListFilter):
    title = "身份"
    parameter_name = "identity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("patient", "患者"), ("doctor", "医生")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[User]) -> Any:
        if self.value() in ("patient", "doctor"):
            return queryset.filter(**{f"{self.value()}__isnull": False})
        return queryset


@admin.register(User)
class UserAdmin(BigTableAdmin, DjangoUserAdmin):
    """Accounts are switched off, never deleted: orders and money refer to them."""

    add_form = NewUserForm
    add_form_template = "admin/accounts/user/add_form.html"
    change_password_form = PasswordChangeForm
    list_display = ["username", "name", "identities", "is_active", "is_staff", "date_joined"]
    list_filter = [IdentityFilter, "is_active", "is_staff", "date_joined"]
    list_select_related = ["patient", "doctor"]
    search_fields = ["username", "name", "=invitation_code"]
    search_help_text = "用户名、姓名或邀请码"
    ordering = ["-pk"]
    actions = ["deactivate", "activate"]
    filter_horizontal = ["groups"]
    readonly_fields = ["invitation_code", "inviter", "last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("资料", {"fields": ["name", "avatar", "invitation_code", "inviter"]}),
        ("权限", {"fields": ["is_active", *PRIVILEGES]}),
        ("时间", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["username", "name", "password1", "password2"]})]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only a superuser touches staff, or a password reset would be a way up."""
        if obj and (obj.is_staff or obj.is_superuser) and not _is_superuser(request):
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = [*self.readonly_fields, "username"] if obj else [*self.readonly_fields]
        return fixed if _is_superuser(request) else [*fixed, *PRIVILEGES]

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "avatar" and field:
            field.validators.append(HTTP_URL)
        return field

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.invitation_code = new_invitation_code()
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            end_sessions(obj)

    @admin.display(description="身份")
    def identities(self, user: User) -> str:
        names = {
            "患者": user.patient_profile,
            "医生": user.doctor_profile,
            "工作人员": user.is_staff,
        }
        return "、".join(name for name, held in names.items() if held)

    @admin.action(description="停用所选账号（立即退出登录）", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: models.QuerySet[User]) -> None:
        self._switch(request, queryset, is_active=False)

    @admin.action(description="启用所选账号", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: models.QuerySet[User]) -> None:
        self._switch(request, queryset, is_active=True)

    def _switch(
        self, request: HttpRequest, users: models.QuerySet[User], *, is_active: bool
    ) -> None:
        word, done = ("启用" if is_active else "停用"), 0
        for user in users.exclude(is_active=is_active).exclude(pk=int(request.user.pk or 0)):
            if not self.has_change_permission(request, user):
                self.message_user(request, f"您无权{word} {user}。", messages.ERROR)
                continue
            with transaction.atomic():
                User.objects.filter(pk=user.pk).update(is_active=is_active)
                if not is_active:
                    end_sessions(user)
                self.log_change(request, user, word)
            done += 1
        self.message_user(request, f"{done} 个账号已{word}。", messages.SUCCESS)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


@admin.register(Patient)
class PatientAdmin(BigTableAdmin):
    """A profile of nothing but its user: made, never changed."""

    list_display = ["user", "name", "pk", "created_at"]
    list_filter = ["created_at"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__name"]
    search_help_text = "用户名或姓名"
    autocomplete_fields = ["user"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="姓名")
    def name(self, patient: Patient) -> str:
        return patient.user.name


class PriceField(forms.CharField):
    """Yuan to the eye, fen to the model."""

    def prepare_value(self, value: Any) -> Any:
        return money.to_yuan(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, int) or value in self.empty_values:
            return value
        try:
            fen = money.to_fen(str(value).strip())
        except ValueError:
            fen = money.MAX_FEN + 1
        if fen > money.MAX_FEN:
            raise forms.ValidationError(BAD_PRICE)
        return fen


class VerifiedFilter(admin.SimpleListFilter):
    title = "认证"
    parameter_name = "verified"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "待认证"), ("yes", "已认证")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Doctor]) -> Any:
        if self.value() in ("no", "yes"):
            return queryset.filter(is_verified=self.value() == "yes")
        return queryset


@admin.register(Doctor)
class DoctorAdmin(BigTableAdmin):
    """Doctors take orders only once verified; both ways go through the actions."""

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
    readonly_fields = ["is_verified", "created_at"]
    actions = ["verify", "withdraw"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, "user"] if obj else [*self.readonly_fields]

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name in ("online_price_fen", "monthly_price_fen"):
            label = str(db_field.verbose_name).replace("分", "元")
            return PriceField(label=label, initial=db_field.default)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description="姓名")
    def name(self, doctor: Doctor) -> str:
        return doctor.user.name

    @admin.action(description="通过认证", permissions=["change"])
    def verify(self, request: HttpRequest, queryset: models.QuerySet[Doctor]) -> None:
        self._decide(request, queryset, is_verified=True)

    @admin.action(description="撤销认证（不再接受新订单）", permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: models.QuerySet[Doctor]) -> None:
        self._decide(request, queryset, is_verified=False)

    def _decide(
        self, request: HttpRequest, doctors: models.QuerySet[Doctor], *, is_verified: bool
    ) -> None:
        word, done = ("通过认证" if is_verified else "撤销认证"), 0
        event = security_log.DOCTOR_VERIFIED if is_verified else security_log.DOCTOR_WITHDRAWN
        for doctor in doctors.exclude(is_verified=is_verified).select_related("user"):
            with transaction.atomic():
                Doctor.objects.filter(pk=doctor.pk).update(is_verified=is_verified)
                self.log_change(request, doctor, word)
            security_log.record(event, request, doctor.user.username, by=str(request.user))
            done += 1
        self.message_user(request, f"{done} 名医生已{word}。", messages.SUCCESS)
