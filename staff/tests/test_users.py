"""Accounts in the admin: who may do what to users and doctors."""

import re

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import Doctor, PasswordReset, Patient, User
from tests.support import people
from tests.support.staff import act, login_as_staff

pytestmark = pytest.mark.django_db

USERS = "/admin/accounts/user/"
DOCTORS = "/admin/accounts/doctor/"
STRONG = "lungs-and-air-42"


def user_form(user: User, **changes):
    values = {"name": user.name, "avatar": user.avatar, "is_active": "on"} | changes
    return {name: value for name, value in values.items() if value is not None}


def test_the_admin_is_in_chinese_and_tokens_are_not_in_it(client, boss):
    page = client.get("/admin/").content.decode()

    assert "肺轻松管理后台" in page
    assert AuthToken not in admin.site._registry
    assert client.get("/admin/knox/authtoken/").status_code == 404


def test_staff_make_a_user_whose_password_works(client, boss):
    form = {"username": "新用户", "name": "新", "password1": STRONG, "password2": STRONG}

    response = client.post(f"{USERS}add/", form)

    user = User.objects.get(username="新用户")
    assert response.status_code == 302
    assert user.check_password(STRONG)
    assert len(user.invitation_code) == 8
    assert not user.is_staff


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"username": "BOSS"}, "该用户名已被注册"),
        ({"username": "a b"}, "用户名只能包含"),
        ({"username": ".."}, "用户名只能包含"),
        ({"username": "bоss"}, "用户名只能包含"),
        ({"username": "B0SS"}, "该用户名已被注册"),
        ({"username": "apply"}, "保留名称"),
        ({"password1": "fresh-fresh", "password2": "fresh-fresh"}, "密码与用户名太相似"),
        ({"password1": "feiqingsong1", "password2": "feiqingsong1"}, "密码与本服务的名称太相似"),
        ({"password1": "x" * 129, "password2": "x" * 129}, "密码不能超过 128 个字符"),
        ({"password1": "12345678", "password2": "12345678"}, "密码"),
    ],
)
def test_a_bad_new_user_is_refused_in_words(client, boss, changes, words):
    form = {"username": "fresh", "password1": STRONG, "password2": STRONG} | changes

    response = client.post(f"{USERS}add/", form)

    assert response.status_code == 200
    assert words in response.content.decode()
    assert User.objects.count() == 1


def test_a_username_is_fixed_and_a_name_is_not(client, boss):
    user = people.make_user("zhang", name="张三")

    client.post(f"{USERS}{user.pk}/change/", user_form(user, username="li", name="李四"))

    user.refresh_from_db()
    assert (user.username, user.name, user.is_active) == ("zhang", "李四", True)


def test_an_avatar_that_is_no_link_is_refused(client, boss):
    user = people.make_user()

    response = client.post(f"{USERS}{user.pk}/change/", user_form(user, avatar="javascript:1"))

    user.refresh_from_db()
    assert "http 或 https" in response.content.decode()
    assert user.avatar == ""


@pytest.mark.parametrize("name", ["官方客服", "adm\u200bin", "张\u202e三"])
def test_a_name_that_poses_or_hides_is_for_staff_alone_or_for_nobody(client, boss, name):
    user = people.make_user(name="张三")

    response = client.post(f"{USERS}{user.pk}/change/", user_form(user, name=name))

    user.refresh_from_db()
    assert response.status_code == 200
    assert user.name == "张三"


def test_staff_may_be_called_what_they_are(client, boss):
    colleague = people.make_user(is_staff=True, name="客服")

    response = client.post(
        f"{USERS}{colleague.pk}/change/", user_form(colleague, avatar="http://a.cn/1.jpg")
    )

    assert response.status_code == 302


def test_switching_a_user_off_in_the_form_ends_the_tokens(client, boss):
    user = people.make_user()
    people.client_for(user)

    client.post(f"{USERS}{user.pk}/change/", user_form(user, is_active=None))

    user.refresh_from_db()
    assert not user.is_active
    assert not AuthToken.objects.filter(user=user).exists()


def test_switching_users_off_by_action_ends_the_tokens_and_spares_oneself(client, boss):
    user = people.make_user()
    api = people.client_for(user)
    assert api.get("/accounts/me/").status_code == 200

    response = act(client, USERS, "deactivate", user, boss)

    user.refresh_from_db()
    boss.refresh_from_db()
    assert "1 个账号已停用" in response.content.decode()
    assert (user.is_active, boss.is_active) == (False, True)
    assert api.get("/accounts/me/").status_code == 401
    assert LogEntry.objects.get(object_id=user.pk).change_message == "停用"

    act(client, USERS, "activate", user)
    user.refresh_from_db()
    assert user.is_active


def test_nobody_sets_the_password_of_another(client, boss):
    user = people.make_user()
    url = reverse("admin:auth_user_password_change", args=[user.pk])
    form = {"password1": STRONG, "password2": STRONG, "usable_password": "true"}

    answers = [client.get(url), client.post(url, form)]
    client.post(f"{USERS}{user.pk}/change/", user_form(user, password=STRONG))

    user.refresh_from_db()
    assert [answer.status_code for answer in answers] == [403, 403]
    assert user.check_password(people.PASSWORD)
    assert url not in client.get(f"{USERS}{user.pk}/change/").content.decode()


def test_ones_own_password_takes_the_old_one_and_ends_the_tokens(client, boss):
    people.client_for(boss)
    by_user_page = client.get(reverse("admin:auth_user_password_change", args=[boss.pk]))
    form = {"new_password1": STRONG, "new_password2": STRONG}

    without = client.post("/admin/password_change/", form | {"old_password": "wrong"})
    done = client.post("/admin/password_change/", form | {"old_password": people.PASSWORD})

    boss.refresh_from_db()
    assert by_user_page.headers["Location"] == "/admin/password_change/"
    assert (without.status_code, done.status_code) == (200, 302)
    assert boss.check_password(STRONG)
    assert not AuthToken.objects.filter(user=boss).exists()


def test_only_superusers_make_accounts_whose_password_they_know(client):
    login_as_staff(client, "add_user", "change_user", "view_user")
    form = {"username": "fresh", "password1": STRONG, "password2": STRONG}

    response = client.post(f"{USERS}add/", form)

    assert response.status_code == 403
    assert not User.objects.filter(username="fresh").exists()


CODE = re.compile(r"<code>([2-9A-HJKMNP-Z]{16})</code>")


def test_a_reset_code_is_shown_once_kept_as_a_hash_and_works(client, boss):
    user = people.make_user("zhang")

    page = act(client, USERS, "send_reset", user)

    code = CODE.findall(page.content.decode())[0]
    kept = str(list(PasswordReset.objects.values_list())) + str(list(LogEntry.objects.values()))
    body = {"username": "zhang", "code": code, "new_password": STRONG}
    assert "no-store" in page.headers["Cache-Control"]
    assert code not in kept
    assert LogEntry.objects.get().change_message == "生成密码重置码"
    assert code not in client.get(USERS).content.decode()
    assert APIClient().post("/accounts/password/reset/", body).status_code == 204
    user.refresh_from_db()
    assert user.check_password(STRONG)


def test_staff_make_codes_for_users_and_only_superusers_for_staff(client):
    login_as_staff(client, "change_user", "view_user")
    user, gone = people.make_user(), people.make_user(is_active=False)
    colleague = people.make_user(is_staff=True)
    chief = people.make_user(is_superuser=True)

    page = act(client, USERS, "send_reset", user, gone, colleague, chief)

    assert len(CODE.findall(page.content.decode())) == 1
    assert [reset.user for reset in PasswordReset.objects.all()] == [user]


def test_staff_who_may_only_look_make_no_codes(client):
    login_as_staff(client, "view_user")

    act(client, USERS, "send_reset", people.make_user())

    assert not PasswordReset.objects.exists()


def test_nobody_deletes_accounts(client, boss):
    doctor, patient = people.make_doctor(), people.make_patient()

    for url in (
        f"{USERS}{boss.pk}",
        f"{DOCTORS}{doctor.pk}",
        f"/admin/accounts/patient/{patient.pk}",
    ):
        assert client.post(f"{url}/delete/", {"post": "yes"}).status_code == 403
    act(client, USERS, "delete_selected", doctor.user, post="yes")

    assert User.objects.count() == 3


def test_staff_who_are_no_superusers_cannot_raise_themselves_or_touch_staff(client):
    me = login_as_staff(client, "change_user", "view_user")
    other, user = people.make_user(is_staff=True, is_superuser=True), people.make_user()
    raised = user_form(user, is_staff="on", is_superuser="on", name="改")

    client.post(f"{USERS}{user.pk}/change/", raised)
    on_self = client.post(f"{USERS}{me.pk}/change/", raised)
    on_other = client.post(f"{USERS}{other.pk}/password/", {"password1": STRONG})
    act(client, USERS, "deactivate", other)

    user.refresh_from_db()
    other.refresh_from_db()
    assert (user.name, user.is_staff, user.is_superuser) == ("改", False, False)
    assert (on_self.status_code, on_other.status_code) == (403, 403)
    assert other.is_active


def test_a_doctor_is_verified_and_unverified_by_action(client, boss):
    doctor = people.make_doctor(is_verified=False)

    waiting = client.get(DOCTORS, {"verified": "no"}).content.decode()
    response = act(client, DOCTORS, "verify", doctor)

    doctor.refresh_from_db()
    assert doctor.user.username in waiting
    assert doctor.is_verified
    assert "1 名医生已通过认证" in response.content.decode()
    assert doctor.user.username not in client.get(DOCTORS, {"verified": "no"}).content.decode()
    act(client, DOCTORS, "withdraw", doctor)
    doctor.refresh_from_db()
    assert not doctor.is_verified
    log = LogEntry.objects.filter(object_id=doctor.pk).order_by("pk")
    assert [entry.change_message for entry in log] == ["通过认证", "撤销认证"]


def test_a_second_doctor_with_a_verified_number_is_not_verified(client, boss):
    holder = people.make_doctor(licence_number="L-1")
    other = people.make_doctor(licence_number="L-1", is_verified=False)
    third = people.make_doctor(is_verified=False)

    response = act(client, DOCTORS, "verify", other, third)

    other.refresh_from_db()
    third.refresh_from_db()
    assert (other.is_verified, third.is_verified) == (False, True)
    assert f"未能认证 {other}：执业证书编号 L-1 已属于另一名医生" in response.content.decode()
    assert [entry.object_id for entry in LogEntry.objects.all()] == [str(third.pk)]
    act(client, DOCTORS, "withdraw", holder)
    act(client, DOCTORS, "verify", other)
    other.refresh_from_db()
    assert other.is_verified


def test_a_verified_doctor_is_not_given_anothers_number(client, boss):
    people.make_doctor(licence_number="L-1")
    doctor = people.make_doctor(licence_number="L-2")

    response = client.post(f"{DOCTORS}{doctor.pk}/change/", doctor_form(licence_number="L-1"))

    doctor.refresh_from_db()
    assert "该执业证书编号已被使用" in response.content.decode()
    assert doctor.licence_number == "L-2"


def test_an_application_is_turned_down_with_a_reason(client, boss):
    doctor, verified = people.make_doctor(is_verified=False), people.make_doctor()

    asked = act(client, DOCTORS, "turn_down", doctor, verified)
    without = act(client, DOCTORS, "turn_down", doctor, confirm="1", reason="")
    done = act(client, DOCTORS, "turn_down", doctor, verified, confirm="1", reason="编号有误")

    doctor.refresh_from_db()
    verified.refresh_from_db()
    assert [page.status_code for page in (asked, without, done)] == [200, 200, 200]
    assert (doctor.turned_down_reason, verified.turned_down_reason) == ("编号有误", "")
    assert verified.is_verified
    assert LogEntry.objects.get().change_message == "未通过认证：编号有误"
    listed = {
        value: doctor.user.username in client.get(DOCTORS, {"verified": value}).content.decode()
        for value in ("no", "turned_down", "yes")
    }
    assert listed == {"no": False, "turned_down": True, "yes": False}


def test_to_turn_down_who_did_not_apply_is_a_message_without_a_page(client, boss):
    doctor = people.make_doctor()

    page = act(client, DOCTORS, "turn_down", doctor).content.decode()

    assert "所选记录已不存在，或已经处理" in page
    assert 'name="reason"' not in page


def test_view_only_staff_see_doctors_and_cannot_verify_them(client):
    login_as_staff(client, "view_doctor")
    doctor = people.make_doctor(is_verified=False)

    page = client.get(DOCTORS)
    act(client, DOCTORS, "verify", doctor)
    change = client.post(f"{DOCTORS}{doctor.pk}/change/", {"title": "x"})

    doctor.refresh_from_db()
    assert doctor.user.username in page.content.decode()
    assert not doctor.is_verified
    assert change.status_code == 403


def doctor_form(**changes: str) -> dict[str, str]:
    return {
        "licence_number": "L-9",
        "hospital": "示范医院",
        "department": "呼吸内科",
        "title": "主任医师",
        "introduction": "",
        "online_price_fen": "15.00",
        "monthly_price_fen": "70",
        "is_accepting": "on",
    } | changes


def test_staff_make_a_doctor_with_prices_in_yuan_who_is_not_verified_yet(client, boss):
    user = people.make_user()

    client.post(f"{DOCTORS}add/", doctor_form(user=str(user.pk), is_verified="on"))

    doctor = Doctor.objects.get(user=user)
    assert (doctor.online_price_fen, doctor.monthly_price_fen) == (1500, 7000)
    assert not doctor.is_verified


@pytest.mark.parametrize("price", ["15.001", "-1", "1e3", "50000.01", "", "十五", "１５"])
def test_a_bad_price_is_refused(client, boss, price):
    doctor = people.make_doctor()

    response = client.post(f"{DOCTORS}{doctor.pk}/change/", doctor_form(online_price_fen=price))

    doctor.refresh_from_db()
    assert response.status_code == 200
    assert doctor.online_price_fen == 1500


def test_saving_a_doctor_unchanged_changes_nothing(client, boss):
    doctor = people.make_doctor(online_price_fen=1505)
    page = client.get(f"{DOCTORS}{doctor.pk}/change/").content.decode()
    form = doctor_form(online_price_fen="15.05", licence_number=doctor.licence_number)

    response = client.post(f"{DOCTORS}{doctor.pk}/change/", form)

    doctor.refresh_from_db()
    assert 'value="15.05"' in page
    assert response.status_code == 302
    assert doctor.online_price_fen == 1505
    assert doctor.is_verified
    assert LogEntry.objects.get().change_message == "[]"


def test_staff_make_a_patient_of_a_user(client, boss):
    user = people.make_user()

    client.post("/admin/accounts/patient/add/", {"user": str(user.pk)})

    assert Patient.objects.get().user == user


def test_what_users_write_is_escaped(client, boss):
    user = people.make_user(name="<script>alert(1)</script>", avatar="http://a/<b>")
    people.make_doctor(user=user, introduction="<img src=x onerror=1>", hospital="<b>")

    urls = [USERS, DOCTORS, f"{USERS}{user.pk}/change/", f"{DOCTORS}{user.doctor.pk}/change/"]
    pages = "".join(client.get(url).content.decode() for url in urls)

    assert "&lt;script&gt;alert(1)" in pages
    assert "<script>alert(1)" not in pages
    assert "<img src=x" not in pages
    assert "<b>" not in pages
