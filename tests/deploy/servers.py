"""The shipped nginx in front of the shipped gunicorn, on loopback, in a folder of the test's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from pingpp_sandbox.sandbox import Sandbox
from tests.deploy.callers import HOST, connect, is_open, send_raw
from tests.support.processes import START_SECONDS, Process, environment, free_port, wait_until

SHIPPED = Path(settings.BASE_DIR) / "deploy"
PROGRAMS = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin"
NGINX = shutil.which("nginx", path=PROGRAMS)
OPENSSL = shutil.which("openssl", path=PROGRAMS)
IS_MISSING = not (NGINX and OPENSSL and sys.platform == "linux")
LARGE = "/static/large.bin"
LARGE_SIZE = 6 * 2**20


class Gunicorn(Process):
    """The service as in production, but for its secrets: development without DEBUG."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.port = free_port()
        (folder / "static").mkdir()
        (folder / "static" / "large.bin").write_bytes(os.urandom(LARGE_SIZE))
        command = [sys.executable, "-m", "gunicorn", "-c", str(SHIPPED / "gunicorn.conf.py")]
        command += ["--bind", f"127.0.0.1:{self.port}", "feiqingsong.wsgi"]
        changes = {"DEBUG": "0", "ALLOWED_HOSTS": HOST, "TRUSTED_PROXY_COUNT": "1"}
        super().__init__(command, folder, environment(sandbox, folder, **changes))
        wait_until(lambda: is_open(self.port), "gunicorn does not start", START_SECONDS)
        # Open before its workers are there, who still have to load the service.
        first = f"GET /none/ HTTP/1.0\r\nHost: {HOST}\r\n\r\n"
        assert send_raw(connect(self.port, tls=False), first.encode())


class Nginx(Process):
    """nginx with the shipped file; only addresses, paths and names are exchanged."""

    def __init__(self, folder: Path, upstream: int, **changes: str) -> None:
        self.port, self.plain_port = free_port(), free_port()
        self.six, self.plain_six = f"{folder}/six", f"{folder}/plain_six"
        make_certificate(folder)
        (folder / "nginx.conf").write_text(self._configuration(folder, upstream, changes))
        command = [str(NGINX), "-e", "stderr", "-c", str(folder / "nginx.conf")]
        self.test = subprocess.run([*command, "-t"], capture_output=True, text=True)
        assert self.test.returncode == 0, self.test.stderr
        super().__init__([*command, "-g", "daemon off;"], folder, dict(os.environ))
        wait_until(lambda: is_open(self.port), "nginx does not start", START_SECONDS)

    def _configuration(self, folder: Path, upstream: int, changes: dict[str, str]) -> str:
        text = (SHIPPED / "nginx.conf").read_text()
        for shipped, here in (changes | self._site(folder, upstream)).items():
            assert shipped in text, f"{shipped} is not in nginx.conf: this table is out of date"
            text = text.replace(shipped, here)
        return text

    def _site(self, folder: Path, upstream: int) -> dict[str, str]:
        """What an operator fills in, and the test exchanges.

        The IPv6 listeners are sockets that are told the caller's address by the PROXY protocol,
        for there is one such address on loopback.
        """
        unused = "".join(f"{kind}_temp_path {folder};" for kind in ("fastcgi", "uwsgi", "scgi"))
        proxied = "set_real_ip_from unix:; real_ip_header proxy_protocol;"
        return {
            "user www-data;": "user root;" if os.geteuid() == 0 else "",
            "/run/nginx.pid": f"{folder}/pid",
            "/var/log/nginx/": f"{folder}/",
            "client_body_temp_path": f"{unused} {proxied} client_body_temp_path",
            "/var/lib/nginx/": f"{folder}/",
            "/etc/letsencrypt/live/api.example.com/": f"{folder}/",
            "/var/www/letsencrypt": f"{folder}/www",
            "api.example.com": HOST,
            "listen [::]:443": f"listen unix:{self.six} proxy_protocol",
            "listen [::]:80": f"listen unix:{self.plain_six} proxy_protocol",
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "listen 80": f"listen 127.0.0.1:{self.plain_port}",
            "127.0.0.1:8000": f"127.0.0.1:{upstream}",
        }

    def words(self) -> str:
        """Return all that it wrote of its callers."""
        names = ("access.log", "error.log", "log")
        return "".join((self.folder / name).read_text() for name in names)


def make_certificate(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    command = [str(OPENSSL), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
    command += ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
