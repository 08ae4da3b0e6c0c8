"""Question-and-answer orders and their lifecycle."""

from django.apps import AppConfig


class QaorderConfig(AppConfig):
    name = "qaorder"
    verbose_name = "问答订单"
