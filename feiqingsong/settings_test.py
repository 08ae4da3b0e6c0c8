"""Settings of the test suite: development, with a cheap password hasher and no waiting."""

from feiqingsong import environment

_test = environment.decide(default=environment.DEVELOPMENT)
if not _test.is_development:
    environment.refuse(["tests run in development only"])

from feiqingsong.settings import *  # noqa: E402, F403 (the decision comes first)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
PINGPP_CONNECT_TIMEOUT = 1.0
PINGPP_READ_TIMEOUT = 2.0
PINGPP_DEADLINE = 3.0
FAILPOINTS = True
# The tests of the limits turn them on.
LIMITS = False
MIDDLEWARE = [name for name in MIDDLEWARE if "whitenoise" not in name]  # noqa: F405

# A test database need not survive a power cut; waiting for the disk took most of the time.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    DATABASES["default"]["OPTIONS"]["init_command"] = (  # noqa: F405
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
    )
else:
    # Making and dropping the test database may take longer than any statement of the service.
    DATABASES["default"]["OPTIONS"]["options"] += (  # noqa: F405
        " -c synchronous_commit=off -c statement_timeout=60000"
    )
