"""Who gets what from every endpoint: one row per method and URL, one status per role.

`known` runs in the order of `world.KNOWN`: patient, other_patient, doctor, other_doctor, both,
staff, superuser. The roles without a good token get 401, or what the patient gets where `is_open`.
"""

from typing import Any, NamedTuple

from qaorder.models import Status


class Row(NamedTuple):
    method: str
    url: str
    known: str
    body: dict[str, Any] | None = None
    status: Status | None = None
    is_open: bool = False
    is_refunded: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.url}"

    @property
    def actor(self) -> str:
        """The side of the order that the endpoint serves."""
        if self.method == "PATCH" and self.url.endswith("/me/"):
            return "doctor"  # Whose profile has the more fields.
        return "doctor" if self.known.split()[0] == "403" else "patient"


#                patient other doctor other both staff superuser
SIDES = "        200     404   200    404   404  404   404"
PATIENT_SIDE = " 200     404   403    404   404  404   404"
DOCTOR_SIDE = "  403     404   200    404   404  404   404"
PATIENTS = "     200     200   403    403   200  403   403"
DOCTORS = "      403     403   200    200   200  403   403"
USERS = "        200     200   200    200   200  200   200"

ORDERS = [
    Row(
        "POST",
        "/qaorder/order/create/",
        "201 201 403 403 201 403 403",
        {"doctor": "{doctor}", "order_type": "online"},
    ),
    Row("GET", "/qaorder/order/detail/{order}/", SIDES, status=Status.ANSWERED),
    Row(
        "GET",
        "/qaorder/order/destroy/{order}/",
        "204 404 204 404 404 404 404",
        status=Status.FINISHED,
    ),
    Row(
        "DELETE",
        "/qaorder/order/destroy/{order}/",
        "204 404 204 404 404 404 404",
        status=Status.FINISHED,
    ),
    Row("GET", "/qaorder/order/patient/list/", PATIENTS),
    Row("GET", "/qaorder/order/doctor/list/", DOCTORS),
    Row("GET", "/qaorder/order/patient/list/qa/", PATIENTS, status=Status.WAITING),
    Row("GET", "/qaorder/order/doctor/list/qa/", DOCTORS, status=Status.WAITING),
    Row(
        "GET",
        "/qaorder/order/patient/newone/?username={doctor}",
        "200 404 403 403 404 403 403",
    ),
    Row(
        "GET",
        "/qaorder/order/doctor/newone/?username={owner}",
        "403 403 200 404 404 403 403",
    ),
    Row("PUT", "/qaorder/order/cancel/{order}/", SIDES),
    Row("GET", "/qaorder/order/cancel/{order}/", SIDES),
    Row("PUT", "/qaorder/order/finish/{order}/", SIDES, status=Status.ANSWERED),
    Row("GET", "/qaorder/order/finish/{order}/", SIDES, status=Status.ANSWERED),
    Row("GET", "/qaorder/order/filter/?status=0", USERS),
    Row(
        "PUT",
        "/qaorder/order/evaluate/{order}/",
        PATIENT_SIDE,
        {"scores": 5, "content": "好评"},
        status=Status.FINISHED,
    ),
    Row("PATCH", "/qaorder/order/pay/{order}/", PATIENT_SIDE, {"channel": "balance"}),
    Row(
        "PUT",
        "/qaorder/order/refund/{order}/",
        PATIENT_SIDE,
        {"reason": "不需要了"},
        status=Status.PAID,
    ),
    Row("GET", "/qaorder/order/refund/{order}/", SIDES, status=Status.PAID, is_refunded=True),
    Row(
        "PUT",
        "/qaorder/order/refuse/{order}/",
        DOCTOR_SIDE,
        {"reason": "专业不符"},
        status=Status.WAITING,
    ),
    Row("GET", "/qaorder/user/{doctor}/", USERS, status=Status.EVALUATED),
    Row(
        "GET",
        "/qaorder/patient/inquiry/record/{patient_pk}/",
        "403 403 200 404 404 403 403",
    ),
    Row("GET", "/qaorder/subscription/list/", PATIENTS),
]
CONSULTATION = [
    Row(
        "POST",
        "/qaorder/question/create/",
        "201 400 403 403 400 403 403",
        {
            "order": "{order}",
            "allergy_history": "无",
            "smoke_history": "无",
            "condition_description": "咳嗽三周",
            "desc_files": "http://example.com/1.jpg,http://example.com/2.jpg",
        },
        status=Status.PAID,
    ),
    Row(
        "POST",
        "/qaorder/answer/create/",
        "403 403 201 400 400 403 403",
        {
            "question": "{question}",
            "diagnosis_tag": ["{tag}"],
            "drug": ["{drug}"],
            "diagnosis_result": "支气管炎",
            "extra_suggestion": "多喝水",
        },
        status=Status.WAITING,
    ),
    Row(
        "POST",
        "/qaorder/diagnosis_tag/create/",
        "403 403 201 201 201 403 403",
        {"name": "肺结核", "description": "描述"},
    ),
    Row("GET", "/qaorder/diagnosis_tag/list/", DOCTORS),
    Row(
        "PUT",
        "/qaorder/diagnosis_tag/{tag}/",
        "403 403 200 404 404 403 403",
        {"name": "肺结核", "description": "描述"},
    ),
    Row("DELETE", "/qaorder/diagnosis_tag/{tag}/", "403 403 204 404 404 403 403"),
    Row(
        "POST",
        "/qaorder/drug/create/",
        "403 403 201 201 201 403 403",
        {
            "name": "头孢",
            "standard": "0.25*20s",
            "total_dosage": "10盒",
            "each_dosage": "0.5g",
            "day_times": "3次/天",
        },
    ),
    Row("GET", "/qaorder/drug/list/", DOCTORS),
    Row(
        "PUT",
        "/qaorder/drug/{drug}/",
        "403 403 200 404 404 403 403",
        {
            "name": "头孢",
            "standard": "0.25*20s",
            "total_dosage": "10盒",
            "each_dosage": "0.5g",
            "day_times": "3次/天",
        },
    ),
    Row("DELETE", "/qaorder/drug/{drug}/", "403 403 204 404 404 403 403"),
    # Nobody here can sign as the provider does.
    Row("POST", "/qaorder/pingpp/webhook/", "400 400 400 400 400 400 400", {}, is_open=True),
]
ACCOUNTS = [
    Row(
        "POST",
        "/accounts/register/",
        "201 201 201 201 201 201 201",
        {
            "username": "newcomer",
            "password": "a-long-secret",
            "name": "新人",
            "avatar": "http://example.com/1.jpg",
            "inviter_code": "",
        },
        is_open=True,
    ),
    Row(
        "POST",
        "/accounts/login/",
        USERS,
        {"username": "{doctor}", "password": "{password}"},
        is_open=True,
    ),
    Row("POST", "/accounts/logout/", "204 204 204 204 204 204 204"),
    Row("POST", "/accounts/logoutall/", "204 204 204 204 204 204 204"),
    Row(
        "POST",
        "/accounts/password/",
        "204 204 204 204 204 204 204",
        {"old_password": "{password}", "new_password": "another-long-secret"},
    ),
    Row(
        "POST",
        "/accounts/password/reset/",
        "204 204 204 204 204 204 204",
        {"username": "forgetful", "code": "{reset_code}", "new_password": "another-long-secret"},
        is_open=True,
    ),
    Row("GET", "/accounts/sessions/", USERS),
    Row("DELETE", "/accounts/sessions/{session}/", "204 404 404 404 404 404 404"),
    Row("GET", "/accounts/me/", USERS),
    Row(
        "PATCH",
        "/accounts/me/",
        USERS,
        {
            "name": "新名字",
            "avatar": "http://example.com/1.jpg",
            "introduction": "简介",
            "online_price": "15.00",
            "monthly_price": "70.00",
            "is_accepting": True,
        },
    ),
    Row("GET", "/accounts/doctors/", USERS),
    Row("GET", "/accounts/doctors/{doctor}/", USERS),
    Row(
        "POST",
        "/accounts/doctors/apply/",
        "201 201 400 400 400 403 403",
        {
            "licence_number": "L-0001",
            "hospital": "示范医院",
            "department": "呼吸内科",
            "title": "主任医师",
            "introduction": "简介",
        },
    ),
    Row("GET", "/accounts/balance/", USERS),
    Row("GET", "/accounts/balance/entries/", USERS),
    # The balance cannot recharge itself: refused, so that nothing is asked of the provider here.
    Row(
        "POST",
        "/accounts/balance/recharge/",
        "400 400 403 403 400 403 403",
        {"amount": "15.00", "channel": "balance"},
    ),
]
PUBLIC = [
    Row("GET", "/schema/", USERS, is_open=True),
    Row("GET", "/docs/", USERS, is_open=True),
]
ROWS = [*ORDERS, *CONSULTATION, *ACCOUNTS, *PUBLIC]
WITH_BODY = [row for row in ROWS if row.body]
GETS = [row for row in ROWS if row.method == "GET" and row not in PUBLIC]
