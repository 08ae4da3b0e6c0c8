"""A demo's database serves neither staging nor production."""

import logging

from django.conf import settings
from django.db import Error, connections

from demo import data
from feiqingsong import environment

logger = logging.getLogger("feiqingsong.demo")


def refuse_outside_development() -> None:
    """End this process if it is to serve staging or production from a demo's database.

    A database that cannot be asked, or has no tables yet, stops nobody.
    """
    if settings.DEVELOPMENT:
        return
    try:
        problems = [f"the database holds {trace}" for trace in data.traces()]
    except Error as error:
        logger.warning("not known whether the database is a demo's: %s", type(error).__name__)
        problems = []
    finally:
        connections.close_all()  # a server forks from here
    if problems:
        environment.refuse(problems)
