"""The order app in the admin; importing the modules registers their models."""

from qaorder.admin import catalogue, consultation, orders, payments, requests, review

__all__ = ["catalogue", "consultation", "orders", "payments", "requests", "review"]
