"""WSGI entry point; production settings unless FEIQINGSONG_ENV says otherwise."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "feiqingsong.settings")
os.environ.setdefault("FEIQINGSONG_DEFAULT_ENV", "production")

application = get_wsgi_application()
