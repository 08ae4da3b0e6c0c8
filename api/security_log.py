"""The security log: one line for each failed login, refusal by a limit, bad token, and so on.

Logger `feiqingsong.security`. Whatever came from outside is escaped and cut, so that nobody writes
a line of their own; passwords and tokens never come here.
"""

import logging
from typing import Any

from api.client_address import client_address

MAX_NAME = 50
MAX_PATH = 200

LOGIN_FAILED = "login_failed"
ADMIN_SIGN_IN = "admin_sign_in"
LIMIT_REACHED = "limit_reached"
TOKEN_REFUSED = "token_refused"  # noqa: S105 (the name of an event)
DOCTOR_VERIFIED = "doctor_verified"
DOCTOR_TURNED_DOWN = "doctor_turned_down"
DOCTOR_WITHDRAWN = "doctor_withdrawn"

_NEWS = (ADMIN_SIGN_IN, DOCTOR_VERIFIED, DOCTOR_TURNED_DOWN, DOCTOR_WITHDRAWN)
"""What is worth a line, but no warning."""

logger = logging.getLogger("feiqingsong.security")


def record(event: str, request: Any, username: str = "", **facts: str) -> None:
    """Write one line: event, user (as given), address, method and path, and our own facts."""
    level = logging.INFO if event in _NEWS else logging.WARNING
    more = "".join(f" {name}={_quoted(value, MAX_NAME)}" for name, value in facts.items())
    logger.log(
        level,
        "%s user=%s address=%s request=%s%s",
        event,
        _quoted(username, MAX_NAME),
        client_address(request),
        _quoted(f"{request.method} {request.path}", MAX_PATH),
        more,
    )


def _quoted(text: str, length: int) -> str:
    # repr escapes line ends, control and invisible characters.
    return repr(str(text)[:length])
