"""Which passwords are refused, by the validators that every form and endpoint shares."""

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts.models import User
from accounts.passwords import BLANK, LIKE_SERVICE, LIKE_USERNAME, TOO_LONG, TOO_SHORT


def refusals_of(password, username="zhangsan"):
    try:
        validate_password(password, User(username=username))
    except ValidationError as error:
        return error.messages
    return []


@pytest.mark.parametrize(
    ("password", "username", "words"),
    [
        ("zhangsanx", "zhangsan", LIKE_USERNAME),
        ("ZhangSan", "zhangsan", LIKE_USERNAME),
        ("xzhangsan", "zhangsan", LIKE_USERNAME),
        ("zhangsan2024!!!!!!", "zhangsan", LIKE_USERNAME),
        ("!!zhangsan--zhangsan!!", "zhangsan", LIKE_USERNAME),
        ("li4ming-2024-2024", "li4ming", LIKE_USERNAME),
        ("user1user1user1", "user1", LIKE_USERNAME),
        ("13800138000a", "13800138000", LIKE_USERNAME),
        ("13800138000 13800138000", "13800138000", LIKE_USERNAME),
        ("ｚｈａｎｇｓａｎ", "zhangsan", LIKE_USERNAME),
        ("feiqingsong", "zhangsan", LIKE_SERVICE),
        ("FeiQingSong", "zhangsan", LIKE_SERVICE),
        ("feiqingsong2024!", "zhangsan", LIKE_SERVICE),
        ("2024!!!!feiqingsong!!!!!!!", "zhangsan", LIKE_SERVICE),
        ("feiqingsongfeiqingsong", "zhangsan", LIKE_SERVICE),
        ("fei.qing.song.2024", "zhangsan", LIKE_SERVICE),
        ("肺轻松肺轻松肺轻松", "zhangsan", LIKE_SERVICE),
        ("肺轻松20242024", "zhangsan", LIKE_SERVICE),
        ("        ", "zhangsan", BLANK),
        ("\u3000" * 8, "zhangsan", BLANK),
        ("\u200b" * 8, "zhangsan", BLANK),
        ("\u3164 \u3164 \u3164 \u3164 ", "zhangsan", BLANK),
        ("short", "zhangsan", TOO_SHORT),
        ("x1" * 65, "zhangsan", TOO_LONG),
        ("password", "zhangsan", "常见"),
        ("83729164502", "zhangsan", "数字"),
    ],
)
def test_a_weak_password_is_refused_in_chinese(password, username, words):
    assert words in "".join(refusals_of(password, username))


@pytest.mark.parametrize(
    ("password", "username"),
    [
        ("a-long-secret", "zhangsan"),
        ("12345678!@#", "bob"),
        ("lungs-and-air-42", "li"),
        ("密码密码一二三四", "zhangsan"),
        ("x" * 64 + "y" * 64, "zhangsan"),
        ("correct horse battery", "correct"),
        ("a-long-secret", ""),
    ],
)
def test_another_password_is_taken(password, username):
    assert refusals_of(password, username) == []
