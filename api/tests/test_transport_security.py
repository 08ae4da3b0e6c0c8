"""Headers on every answer, content policies, cookies, and no plain HTTP for the API."""

import re

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework.test import APIClient

from api.transport_security import NOTHING, OWN_FILES
from tests.support.people import PASSWORD, make_user

PAGES = ["/", "/admin/", "/admin/login/", "/admin/nowhere/", "/docs/"]
ANSWERS = [
    "/accounts/me/",
    "/qaorder/nowhere/",
    "/accounts",
    "/nowhere",
    "/schema/",
    "/docs/?script=",
]
UNSAFE = ("unsafe-inline", "unsafe-eval", "unsafe-hashes", "*", "http:", "https:")

pytestmark = pytest.mark.django_db


def every_first_part():
    """Return the first part of every URL that there is, as a path to ask for."""
    parts = set()
    for entry in get_resolver().url_patterns:
        assert isinstance(entry, URLPattern | URLResolver)
        parts |= set(re.findall(r"[a-z]+", str(entry.pattern)))
    return sorted(parts)


@pytest.fixture
def strict(settings):
    """The service as production runs it behind its proxy."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 3600
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.DEVELOPMENT = False


@pytest.mark.parametrize("is_debug", [False, True])
@pytest.mark.parametrize("path", [*PAGES, *ANSWERS])
def test_every_answer_carries_the_security_headers(path, is_debug, settings):
    settings.DEBUG = is_debug

    headers = APIClient(raise_request_exception=False).get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "headers", [{"Host": "a b"}, {"Content-Type": "text/plain; charset=latin-1"}]
)
def test_answers_made_before_any_view_carry_them_too(headers):
    response = APIClient().post("/accounts/login/", "x", content_type="text/plain", headers=headers)

    assert response.status_code in (400, 415)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"] == NOTHING


@pytest.mark.parametrize("path", PAGES)
def test_pages_run_this_host_s_files_and_nothing_inline(path):
    response = APIClient().get(path)

    assert response.headers["Content-Security-Policy"] == OWN_FILES
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", response.text)


def test_the_policy_of_pages_has_no_unsafe_word():
    assert not [word for word in UNSAFE if word in OWN_FILES]
    assert OWN_FILES.startswith("default-src 'none';")


@pytest.mark.parametrize("path", ["/accounts/me/", "/qaorder/nowhere/", "/nowhere", "/schema/"])
def test_answers_of_the_api_may_load_nothing(path):
    assert APIClient().get(path).headers["Content-Security-Policy"] == NOTHING


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
@pytest.mark.parametrize(
    "path",
    [
        "/accounts/login/",
        "/qaorder/pingpp/webhook/",
        "/schema/",
        "/qaorder",
        "/nowhere/",
        "//qaorder/order/create/",
        "/Admin/",
    ],
)
def test_plain_http_is_refused_and_never_redirected(strict, path, method):
    response = getattr(APIClient(), method)(path, headers={"Authorization": "Token " + "0" * 40})

    assert response.status_code == 403
    assert response.headers["Content-Type"] == "application/json"
    assert "Location" not in response.headers
    if method != "head":
        assert response.content.decode() == '{"detail":"请使用 HTTPS"}'


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/login/", "/docs/", "/static/admin/css/base.css"]
)
def test_pages_are_redirected_to_https(strict, path):
    response = APIClient().get(path)

    assert response.status_code == 301
    assert response.headers["Location"] == f"https://testserver{path}"


def test_every_url_there_is_is_either_a_page_or_refused(strict):
    answers = {part: APIClient().get(f"/{part}/").status_code for part in every_first_part()}

    assert {part for part, status in answers.items() if status == 301} == {"admin", "docs"}
    assert set(answers.values()) == {301, 403}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_use_plain_http(strict, path):
    assert APIClient().get(path).status_code not in (301, 403)


def test_https_through_the_proxy_is_served_with_hsts(strict):
    response = APIClient().get("/accounts/me/", headers={"X-Forwarded-Proto": "https"})

    assert response.status_code == 401
    assert response.headers["Strict-Transport-Security"] == "max-age=3600"


def test_hsts_goes_further_only_when_it_is_told_to(strict, settings):
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True

    response = APIClient().get("/accounts/me/", headers={"X-Forwarded-Proto": "https"})

    assert response.headers["Strict-Transport-Security"] == (
        "max-age=3600; includeSubDomains; preload"
    )


def test_an_admin_session_ends_half_an_hour_after_its_last_request(client, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    make_user("boss", is_staff=True, is_superuser=True)
    client.login(username="boss", password=PASSWORD)

    for _ in range(3):
        time_machine.shift(29 * 60)
        assert client.get("/admin/").status_code == 200

    time_machine.shift(31 * 60)
    assert client.get("/admin/").status_code == 302


def test_the_cookies_of_the_admin_stay_with_it(client, settings):
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    make_user("boss", is_staff=True, is_superuser=True)

    page = client.get("/admin/login/", secure=True)
    form = {"username": "boss", "password": PASSWORD}
    answer = client.post("/admin/login/?next=/admin/", form, secure=True)

    for cookie in (page.cookies["csrftoken"], answer.cookies["sessionid"]):
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
    assert answer.cookies["sessionid"]["max-age"] == 30 * 60


def test_the_front_page_of_development_says_where_everything_is(client, settings):
    page = client.get("/")

    assert page.headers["Content-Type"].startswith("text/html")
    for target in ("/docs/", "/admin/", "/schema/", settings.PINGPP_API_BASE):
        assert f'href="{target}' in page.text


def test_production_has_no_front_page(client, settings):
    settings.DEVELOPMENT = False

    answer = client.get("/")

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})
