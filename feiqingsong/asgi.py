"""ASGI entry point; production unless FEIQINGSONG_ENV says otherwise."""

import os

from django.core.asgi import get_asgi_application

from feiqingsong import environment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "feiqingsong.settings")
environment.decide(default=environment.PRODUCTION)

application = get_asgi_application()

from feiqingsong import demo_guard  # noqa: E402 (its models are there from here on)

demo_guard.refuse_outside_development()
