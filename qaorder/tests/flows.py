"""Moved to tests/support/people.py; here only until the money audit has moved too."""

from tests.support.people import *  # noqa: F403 (a re-export)
