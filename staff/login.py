"""Signing in to the admin: counted with the API's logins, refused in words, and noted."""

from typing import Any

from django.contrib.admin import AdminSite as DjangoAdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException

from accounts.models import User
from accounts.password_attempts import password_attempt, remember_network
from api import errors, security_log


class LoginForm(AdminAuthenticationForm):
    """Django's form; `refusal` is why the password was not even looked at, if it was not."""

    refusal: APIException | None = None

    def clean(self) -> dict[str, Any]:
        if self.errors:
            return self.cleaned_data
        try:
            with password_attempt(self.request, self.cleaned_data["username"]):
                return super().clean()
        except (errors.TooManyRequests, errors.Busy) as refusal:
            self.refusal = refusal
            raise ValidationError(str(refusal.detail), code="refused") from None


class AdminSite(DjangoAdminSite):
    login_form = LoginForm

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Return Django's page, with the API's status and Retry-After where it is a refusal."""
        response = super().login(request, extra_context)
        if request.method != "POST":
            return response
        if response.status_code == 302 and isinstance(request.user, User):
            remember_network(request.user, request)
            security_log.record(security_log.ADMIN_SIGN_IN, request, str(request.user))
        else:
            form = getattr(response, "context_data", {}).get("form")
            _refuse(request, response, getattr(form, "refusal", None))
        return response


def _refuse(request: HttpRequest, response: HttpResponse, refusal: APIException | None) -> None:
    if refusal is None:
        return
    response.status_code = refusal.status_code
    response["Retry-After"] = str(getattr(refusal, "wait", errors.RETRY_AFTER))
    if isinstance(refusal, errors.TooManyRequests):
        errors.log_limit(refusal, request)
