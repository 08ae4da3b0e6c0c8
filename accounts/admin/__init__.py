"""Accounts in the admin: users, patients, and doctors, whom staff verify here."""

from accounts.admin import doctors, users

__all__ = ["doctors", "users"]
