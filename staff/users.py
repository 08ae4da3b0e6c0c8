"""Users and patients in the admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm, UserCreationForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from knox.models import AuthToken

from accounts.models import NAME_TAKEN, Patient, User, new_invitation_code
from accounts.names import check_name, check_username
from accounts.services import make_reset_code
from api.fields import HTTP_URL
from staff.base import BigTableAdmin

PRIVILEGES = ["is_staff", "is_superuser", "groups"]


def end_sessions(user: User) -> None:
    """Make every API token of the user worthless; admin sessions end by themselves."""
    AuthToken.objects.filter(user=user).delete()


class NewUserForm(UserCreationForm):
    class Meta:
        model = User
        fields = ["username"]

    def clean_username(self) -> str:
        username = str(self.cleaned_data["username"])
        check_username(username)
        if User.objects.looking_like(username).exists():
            raise forms.ValidationError(NAME_TAKEN)
        return username


class ChangedUserForm(UserChangeForm):
    password = None  # type: ignore[assignment]

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if not self.instance.is_staff:  # Who may well be called 客服.
            check_name(name)
        return name


class OwnPasswordForm(AdminPasswordChangeForm):
    """A new password ends one's API tokens too, as it does in the app."""

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit)
        end_sessions(user)
        return user


def password_change(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
    """The admin's own page, with our form, for which Django's site has no setting."""
    view = PasswordChangeView.as_view(
        form_class=OwnPasswordForm,
        success_url=reverse("admin:password_change_done"),
        extra_context=admin.site.each_context(request) | (extra_context or {}),
        template_name="registration/password_change_form.html",
    )
    return view(request)


admin.site.password_change = password_change  # type: ignore[method-assign]


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
    """Accounts are switched off, never deleted: orders and money refer to them.

    Nobody sets another's password: who knows it could act in their name.
    """

    form = ChangedUserForm
    add_form = NewUserForm
    add_form_template = "admin/accounts/user/add_form.html"
    list_display = ["username", "name", "identities", "is_active", "is_staff", "date_joined"]
    list_filter = [IdentityFilter, "is_active", "is_staff", "date_joined"]
    list_select_related = ["patient", "doctor"]
    search_fields = ["username", "name", "=invitation_code"]
    search_help_text = "用户名、姓名或邀请码"
    ordering = ["-pk"]
    actions = ["deactivate", "activate", "send_reset"]
    filter_horizontal = ["groups"]
    readonly_fields = ["invitation_code", "inviter", "last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username"]}),
        ("资料", {"fields": ["name", "avatar", "invitation_code", "inviter"]}),
        ("权限", {"fields": ["is_active", *PRIVILEGES]}),
        ("时间", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["username", "name", "password1", "password2"]})]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever makes an account knows its password: for staff accounts, by a superuser."""
        return _is_superuser(request) and super().has_add_permission(request)

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """One's own is changed where the old one is asked for, another's nowhere."""
        if id != str(request.user.pk):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:password_change"))

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

    @admin.action(description="生成密码重置码（只显示一次）", permissions=["change"])
    def send_reset(
        self, request: HttpRequest, queryset: models.QuerySet[User]
    ) -> TemplateResponse | None:
        codes = []
        for user in queryset.filter(is_active=True):
            if not self.has_change_permission(request, user):
                self.message_user(request, f"您无权重置 {user} 的密码。", messages.ERROR)
                continue
            with transaction.atomic():
                codes.append((user, make_reset_code(user)))
                self.log_change(request, user, "生成密码重置码")
        if not codes:
            return None
        context = self.admin_site.each_context(request) | {
            "title": "密码重置码",
            "opts": self.opts,
            "codes": codes,
        }
        return TemplateResponse(request, "admin/accounts/user/reset_codes.html", context)

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
