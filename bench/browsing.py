"""A signed-in client for benchmarks: a cookie jar and a kept-alive connection, cheaper than any page."""

from __future__ import annotations

import http.client
import re
import urllib.parse


class Client:
    """One visitor."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        assert parts.hostname is not None
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        self.cookies: dict[str, str] = {}

    def request(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str, bytes]:
        """Send one request; returns status, Location and body."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(method, path, body=body, headers=headers)
        response = self.connection.getresponse()
        content = response.read()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        return response.status, response.getheader("Location") or "", content

    def follow(self, path: str) -> tuple[str, bytes]:
        """Get a page through its redirects; returns where it ended and the body."""
        for _ in range(5):
            status, location, content = self.request("GET", path)
            if status not in (301, 302, 303):
                assert status == 200, (path, status, content[:500])
                return path, content
            path = urllib.parse.urlsplit(location)._replace(scheme="", netloc="").geturl()
        raise AssertionError(f"too many redirects at {path}")

    def sign_in(self, path: str, address: str, password: str) -> str:
        """Sign in by the form at the path; returns the page one lands on."""
        where, page = self.follow(path)
        token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None, page[:500]
        names = re.findall(rb'<input[^>]*name="(email|username|login)"', page)
        form = {names[0].decode(): address, "password": password, "csrfmiddlewaretoken": token.group(1).decode()}
        status, location, content = self.request("POST", where, form)
        assert status in (302, 303), (status, content[:800])
        return self.follow(urllib.parse.urlsplit(location)._replace(scheme="", netloc="").geturl())[0]
