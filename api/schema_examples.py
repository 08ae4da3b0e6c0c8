"""Examples in the OpenAPI document, by component: rows of the published API document."""

from typing import Any

_PATIENT = {
    "owner": "patient1",
    "invitation_code": "123",
    "name": "patient",
    "avatar": "http://123.jpg",
}
_DOCTOR = {"owner": "doctor1", "invitation_code": "123456", "name": "doctor", "avatar": ""}
_TAG = {"pk": 3, "owner": "doctor1", "name": "肺结核", "description": "这是一个肺结核"}
_DRUG = {
    "pk": 3,
    "owner": "doctor1",
    "name": "头孢",
    "standard": "0.25*20s",
    "total_dosage": "125mg*10盒(瓶)",
    "each_dosage": "0.5g",
    "day_times": "3次/天",
}
_QUESTION = {
    "pk": 3,
    "owner": _PATIENT,
    "order": "12257268228937975696240003",
    "allergy_history": "无过敏史",
    "smoke_history": "无吸烟史",
    "condition_description": "无病",
    "file_list": ["http://123.jpg"],
    "desc_files": "http://123.jpg",
    "create_time": "2017-03-22T15:05:52.773782",
}
_ANSWER = {
    "pk": 9,
    "owner": _DOCTOR,
    "question": 3,
    "diagnosis_tag": [_TAG],
    "drug": [_DRUG],
    "diagnosis_result": "吃点头孢,吃一个疗程,就好了",
    "extra_suggestion": "平时多出蔬菜",
    "create_time": "2017-03-22T16:41:09.317246",
}
_CHARGE = {
    "id": "ch_TabDi9v1u9G0fjnLiPq5OmDS",
    "object": "charge",
    "created": 1490254478,
    "livemode": True,
    "paid": False,
    "app": "app_HOafLKjbnLm1jXrP",
    "channel": "alipay",
    "order_no": "12257268238541425696240003",
    "client_ip": "127.0.0.1",
    "amount": 1500,
    "currency": "cny",
    "subject": "肺轻松#1225726823854142569624",
    "body": "肺轻松#12257268238541425696240003",
    "time_expire": 1490340878,
    "metadata": {"owner": "patient1", "order_number": "12257268238541425696240003"},
    "credential": {"object": "credential", "alipay": {"orderInfo": "…"}},
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "Order": {
        "pk": 14,
        "patient": _PATIENT,
        "doctor": _DOCTOR,
        "question": _QUESTION,
        "answer": _ANSWER,
        "order_number": "12257268228937975696240003",
        "amount": "15.00",
        "status": 4,
        "status_display": "待评价",
        "channel": "alipay",
        "channel_display": "支付宝",
        "order_type": "online",
        "order_type_display": "在线咨询",
        "create_time": "2017-03-21T14:38:51.060124",
    },
    "Question": _QUESTION,
    "Answer": _ANSWER,
    "DiagnosisTag": _TAG,
    "Drug": _DRUG,
    "Evaluation": {
        "pk": 12,
        "patient": _PATIENT,
        "doctor": _DOCTOR,
        "scores": 5,
        "scores_display": "五星",
        "content": "好评",
        "create_time": "2017-03-23T15:23:38.084583",
        "evaluate_type": "online",
        "evaluate_type_display": "在线咨询",
    },
    "InquiryRecord": {
        "pk": 15,
        "order_number": "12257268238541425696240003",
        "create_time": "2017-03-21T15:00:09.963589",
    },
    "Charge": {"status": 0, "message": "", "charge": _CHARGE},
    "OrderInputRequest": {"doctor": "doctor1", "order_type": "online"},
    "EvaluationInputRequest": {"scores": 5, "content": "好评"},
    "AnswerInputRequest": {
        "question": 3,
        "diagnosis_tag": [3],
        "drug": [3],
        "diagnosis_result": "吃点头孢,吃一个疗程,就好了",
        "extra_suggestion": "平时多出蔬菜",
    },
    "QuestionInputRequest": {
        "order": "12257268228937975696240003",
        "allergy_history": "无过敏史",
        "smoke_history": "无吸烟史",
        "condition_description": "无病",
        "file_list": ["http://123.jpg"],
    },
}
