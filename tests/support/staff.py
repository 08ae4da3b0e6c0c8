"""Staff at the pages of the admin, over HTTP."""

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client

from accounts.models import User
from tests.support import people


def login_as_staff(client: Client, *codenames: str) -> User:
    """Sign a new member of staff in who has these permissions and no others."""
    user = people.make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return user


def url_of(model: type[Model]) -> str:
    """The list of a model's rows."""
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def act(client: Client, url: str, action: str, *rows: Any, **data: Any) -> Any:
    """Choose an action for some rows of a list (rows, or their keys), and follow the answer."""
    keys = [getattr(row, "pk", row) for row in rows]
    data |= {"action": action, "_selected_action": keys, "index": 0}
    return client.post(url, data, follow=True)


def text(response: Any) -> str:
    """The page, as text."""
    return str(response.content.decode())
