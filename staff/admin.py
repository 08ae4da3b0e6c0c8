"""Importing the pages registers them with the admin site."""

from staff import (
    acts,
    book,
    catalogue,
    consultations,
    doctors,
    orders,
    payments,
    requests,
    review,
    users,
)

__all__ = [
    "acts",
    "book",
    "catalogue",
    "consultations",
    "doctors",
    "orders",
    "payments",
    "requests",
    "review",
    "users",
]
