"""gunicorn in production, behind nginx.conf; started in the project's folder:

    gunicorn -c deploy/gunicorn.conf.py feiqingsong.wsgi

Options on the command line and in GUNICORN_CMD_ARGS win over this file.
"""

import os

bind = "127.0.0.1:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "feiqingsong.gunicorn_worker.Worker"
threads = 8
# A worker takes no request that would wait for a thread while another worker has one free; that
# is also why connections are not kept: nginx would go on with those of a busy worker.
worker_connections = threads
keepalive = 0

# A worker whose main loop stands still that long is killed, for instance by a hostile pattern
# that keeps the interpreter's lock. A request has this long to end when the worker stops.
timeout = 30
graceful_timeout = 30
max_requests = 20_000
max_requests_jitter = 5_000
# Workers show that they live by a file, which on a busy disk would look like death.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 (Linux)

# No smaller than nginx's, which refuses first.
limit_request_line = 8190
limit_request_fields = 1000
limit_request_field_size = 8190

# gunicorn itself believes no header: SECURE_PROXY_SSL_HEADER and TRUSTED_PROXY_COUNT judge.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
control_socket_disable = True
accesslog = None  # nginx keeps one, without query strings
