"""The service's URLs and some that break, for the tests of what becomes of a bug."""

from typing import Any

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection
from django.http import HttpRequest
from django.urls import path
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.viewsets import ViewSet, endpoint
from feiqingsong import urls

SECRET = "患者王五的病情"
CAUSES = {
    "value": ValueError(SECRET),
    "database": DatabaseError(SECRET),
    "operational": OperationalError(SECRET),
    "interface": InterfaceError(SECRET),
    "recursion": RecursionError(SECRET),
}


class BrokenView(APIView):
    """Raises what the URL says."""

    authentication_classes = []
    permission_classes = [AllowAny]

    def get(self, request: Request, cause: str) -> Response:
        raise CAUSES[cause]


class BadSqlView(APIView):
    """Sends the database a statement that it refuses with the values in its message."""

    authentication_classes = []
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT "{SECRET}" FROM accounts_nothing')  # noqa: S608
        return Response()


class WordyView(APIView):
    """Has 20 KiB of errors to tell."""

    authentication_classes = []
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        raise ValidationError({f"field{number}": ["错误" * 100] for number in range(30)})


class RoomyViewSet(ViewSet):
    """Takes bodies of up to 1 MiB, and tells how long one was."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @endpoint(max_body=1024 * 1024)
    def measure(self, request: Request) -> Response:
        return Response({"length": len(request.body)})


def outside_the_framework(request: HttpRequest, **kwargs: Any) -> None:
    raise ValueError("a bug outside the REST framework")


def locked_elsewhere(request: HttpRequest) -> None:
    raise OperationalError(SECRET)


def submitted_twice(request: HttpRequest) -> None:
    raise IntegrityError(SECRET)


urlpatterns = [
    path("admin/locked/", locked_elsewhere),
    path("admin/twice/", submitted_twice),
    path("qaorder/broken/<str:cause>/", BrokenView.as_view()),
    path("qaorder/bad-sql/", BadSqlView.as_view()),
    path("qaorder/wordy/", WordyView.as_view()),
    path("qaorder/roomy/", RoomyViewSet.as_view({"post": "measure"})),
    path("qaorder/outside/", outside_the_framework),
    *urls.urlpatterns,
]
