"""ASGI entry point; production settings unless FEIQINGSONG_ENV says otherwise."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "feiqingsong.settings")
os.environ.setdefault("FEIQINGSONG_DEFAULT_ENV", "production")

application = get_asgi_application()
