"""`manage.py load_demo`: the demo accounts of the README; may run any number of times."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from demo import data


class Command(BaseCommand):
    help = "Loads the demo accounts into a development database of this machine."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError("load_demo is for development only")
        if settings.DATABASE_IS_ELSEWHERE:
            raise CommandError("load_demo is for a database of this machine only")
        data.load()
        self.stdout.write(f"demo accounts ready, password {data.PASSWORD}")
