"""`manage.py migrate`, which refuses a database that was laid out before 1.0.0."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

TOO_OLD = (
    "数据库 {name} 是 1.0.0 之前建立的，不能升级：请删除它或换一个空数据库，再运行一次"
    " / made before 1.0.0, cannot be upgraded: delete it or use an empty one, then run this again"
)


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        applied = MigrationRecorder(connection).applied_migrations()
        # Only before had the project itself rows of its own.
        if any(app == "feiqingsong" for app, _ in applied):
            raise CommandError(TOO_OLD.format(name=connection.settings_dict["NAME"]))
        super().handle(*args, **options)
