"""`manage.py load_demo`: the demo accounts of the README; may run any number of times."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from feiqingsong.environment import is_elsewhere
from qaorder import demo


class Command(BaseCommand):
    help = "Loads the demo accounts into a development database of this machine."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError("load_demo is for development only")
        if is_elsewhere(connection.settings_dict, os.environ):
            raise CommandError("load_demo is for a database of this machine only")
        demo.load()
        self.stdout.write(f"demo accounts ready, password {demo.PASSWORD}")
