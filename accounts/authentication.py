"""Token authentication: django-rest-knox, one query a request."""

import re

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication as KnoxAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import sessions
from accounts.models import User
from api import security_log

LOGIN_EXPIRED = "登录已失效，请重新登录"
_TOKEN = re.compile(rb"[0-9a-f]{40}")


class TokenAuthentication(KnoxAuthentication):
    """`Authorization: Token <40 hex digits>`; the user comes with both profiles loaded.

    knox itself looks through all tokens of the user on each request; the digest is the primary
    key, so one look-up does. Expired rows are purged by `run_jobs`.
    """

    def authenticate(self, request: Request) -> tuple[User, AuthToken] | None:
        """Return (user, token row), or None without the header.  Raises: AuthenticationFailed."""
        try:
            found: tuple[User, AuthToken] | None = super().authenticate(request)
        except AuthenticationFailed:
            security_log.record(security_log.TOKEN_REFUSED, request)
            raise
        return found

    def authenticate_credentials(self, token: bytes) -> tuple[User, AuthToken]:
        """Return (user, token row).  Raises: AuthenticationFailed."""
        if not _TOKEN.fullmatch(token):
            raise AuthenticationFailed(LOGIN_EXPIRED)
        row = (
            AuthToken.objects.select_related("user__patient", "user__doctor", "session")
            .filter(digest=hash_token(token.decode()))
            .first()
        )
        now = timezone.now()
        if row is None or not row.user.is_active or not sessions.is_alive(row, now):
            raise AuthenticationFailed(LOGIN_EXPIRED)
        sessions.touch(row, now)
        return row.user, row


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token ` 加 40 位十六进制令牌，由登录或注册返回",
        }
