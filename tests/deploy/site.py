"""The nginx example as it stands in deploy/, on free ports and with a certificate of its own, before any processes."""

import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Sequence
from email.message import Message
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPSHandler, ProxyHandler, Request, build_opener

from tests.support.machine import Child, answers, free_port, missing
from tests.support.servers import PROJECT

SITE = PROJECT / "deploy/nginx/chat.conf"
ADDRESS = "127.0.0.9"  # from where it speaks to the processes, so that they can tell it from its clients
MAIN = """\
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_bind {address};
    set_real_ip_from 127.0.0.1; # so that a test can be a client anywhere
    real_ip_header X-Test-Address;
    include {folder}/site.conf;
}}
"""


class Site(Child):
    """`url` and `ws_url` are what people use; `plain_port` is the way in without TLS."""

    def __init__(self, folder: Path, *, static: Path, ports: Sequence[int]) -> None:
        program = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
        if program is None:
            missing("nginx")
        self.port, self.plain_port = free_port(), free_port()
        self.url, self.ws_url = f"https://127.0.0.1:{self.port}", f"wss://127.0.0.1:{self.port}/ws"
        self.certificate = folder / "fullchain.pem"
        _certify(folder)
        wanted = {
            "127.0.0.1:8001": f"127.0.0.1:{ports[0]}",
            "127.0.0.1:8002": f"127.0.0.1:{ports[1]}",
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            "/etc/letsencrypt/live/chat.example.com": str(folder),
            "/srv/chat/staticfiles": str(static),
            "/var/log/nginx": str(folder),
        }
        (folder / "site.conf").write_text(_replace(SITE.read_text(), wanted))
        user = "user root;" if os.geteuid() == 0 else ""  # only root may enter the folders of root's tests
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user, address=ADDRESS))
        super().__init__(
            [program, "-c", folder / "nginx.conf"], log=folder / "error.log", ready=lambda: answers(self.port)
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.terminate()

    def visitor(self) -> "Visitor":
        return Visitor(self)


class Visitor:
    """A browser without a page: it keeps cookies, follows redirects and knows the certificate."""

    def __init__(self, site: Site) -> None:
        self.site, self.cookies = site, CookieJar()
        context = ssl.create_default_context(cafile=str(site.certificate))
        handlers = (HTTPSHandler(context=context), HTTPCookieProcessor(self.cookies), ProxyHandler({}))
        self._opener = build_opener(*handlers)

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Message, bytes]:
        """Status, headers and body of the answer; a name's `_` stands for the `-` of a header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with self._opener.open(Request(f"{self.site.url}{path}", body, named), timeout=5) as answer:  # noqa: S310 - our own address
                return answer.status, answer.headers, answer.read()
        except HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def post(self, path: str, document: Any, **headers: str) -> tuple[int, Any]:
        status, _, body = self.ask(path, json.dumps(document).encode(), Content_Type="application/json", **headers)
        return status, json.loads(body)

    def sign_in(self, username: str, password: str) -> bytes:
        """By the form, as a browser does it; the page it leads to."""
        self.ask("/accounts/sign-in/")
        [token] = [cookie.value for cookie in self.cookies if cookie.name == "csrftoken"]
        form = urlencode({"username": username, "password": password, "csrfmiddlewaretoken": token}).encode()
        page = f"{self.site.url}/accounts/sign-in/"
        status, _, body = self.ask("/accounts/sign-in/", form, Origin=self.site.url, Referer=page)
        assert status == 200, body
        return body

    def socket_headers(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)}


def _replace(text: str, wanted: dict[str, str]) -> str:
    for old, new in wanted.items():
        assert old in text, f"{old} is no longer in {SITE}"
        text = text.replace(old, new)
    return text


def _certify(folder: Path) -> None:
    if shutil.which("openssl") is None:
        missing("openssl")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
