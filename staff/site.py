"""The admin as an app whose sign-in is ours."""

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    default_site = "staff.login.AdminSite"
