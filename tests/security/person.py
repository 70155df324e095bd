"""A person at a browser and a program of his, over real HTTP; every secret that passes is remembered by its name."""

from __future__ import annotations

import re
import time
import urllib.parse
from pathlib import Path
from typing import Any

import httpx
import pyotp

PASSWORD = "a-Pass-word-0f-mine-7731"
OTHER_PASSWORD = "qu1te-different-Word-9924"
WRONG_PASSWORD = "a-wr0ng-Pass-word-5518"
EMAIL = "person@example.org"


class Person:
    """Signs up, and uses everything that has a secret."""

    def __init__(self, url: str, var: Path) -> None:
        """Begin as a stranger."""
        self.url = url.rstrip("/") + "/"
        self.http = httpx.Client(base_url=url, timeout=30, follow_redirects=True)
        self.var = var
        self.secrets: dict[str, str] = {"password": PASSWORD, "wrong": WRONG_PASSWORD, "other": OTHER_PASSWORD}
        self.home = ""

    def send(self, path: str, *, on: str = "", **fields: str) -> httpx.Response:
        """Open the page a form stands on, and send the form."""
        page = self.http.get(on or path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token is not None, (path, page.status_code)
        self.secrets["csrf"] = token.group(1)
        return self.http.post(path, data={**fields, "csrfmiddlewaretoken": token.group(1)})

    def api(self, method: str, path: str, body: Any = None, *, key: str = "token") -> httpx.Response:
        """Ask the API with one of the secrets."""
        headers = {"Authorization": f"Bearer {self.secrets[key]}"} if key in self.secrets else {}
        return httpx.request(method, f"{self.url}{path}", json=body, headers=headers, timeout=30)

    def mailed(self, contains: str) -> str:
        """Wait for a mail with such a link, and return the link's path."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            text = "".join(one.read_text() for one in sorted((self.var / "mail").glob("*")))
            found = re.findall(rf"https?://[^/\s]+(/{contains}/\S+)", text.replace("=\n", ""))
            if found:
                return str(found[-1])
            time.sleep(0.1)
        raise AssertionError(f"no mail with {contains} came")

    def sign_up(self) -> None:
        """Sign up by mail, and found a household."""
        self.send("/sign-up/", name="Person", email=EMAIL)
        link = self.mailed("sign-up/finish")
        self.secrets["sign-up link"] = link.split("/")[3]
        self.send(link, password=PASSWORD)
        self.send("/households/new/", name="Home", time_zone="Europe/Berlin", currency="EUR")
        found = re.search(r"/households/([0-9a-f-]{36})/", self.http.get("/home/").text)
        assert found is not None
        self.home = found.group(1)
        self.session("first session")

    def session(self, name: str) -> None:
        """Remember the session one has now."""
        self.secrets[name] = self.http.cookies["myhouse_session"]

    def tokens(self) -> None:
        """Get tokens by the API and by the page, right and wrong, and one for a service."""
        asked = {"email": EMAIL, "password": PASSWORD, "name": "x"}
        self.api("POST", "api/v1/tokens", {**asked, "password": WRONG_PASSWORD})
        self.secrets["token"] = self.api("POST", "api/v1/tokens", asked).json()["token"]
        self.http.post("/api/v1/tokens", content=f'{{"email": "x", "password": "{PASSWORD}"')
        self.api("GET", f"api/v1/me?token={self.secrets['token']}")
        page = self.send("/account/tokens/", on="/account/", name="y").text
        self.secrets["page token"] = str(re.findall(r"<code>([\w-]{40,})</code>", page)[0])
        service = {"name": "z", "scopes": ["readings:read"], "expires_at": "2027-06-01T00:00:00.000Z"}
        answer = self.api("POST", f"api/v1/households/{self.home}/service-tokens", service)
        self.secrets["service token"] = answer.json()["token"]
        self.api("GET", f"api/v1/households/{self.home}/latest", key="service token")
        self.api("PATCH", f"api/v1/households/{self.home}", {"name": "x"}, key="service token")

    def device(self) -> None:
        """Register a device and let it send, rightly and wrongly."""
        base = f"api/v1/households/{self.home}"
        point = self.api("POST", f"{base}/metering-points", {"role": "grid", "name": "Grid"}).json()["id"]
        asked = {"household": self.home, "name": "Meter", "metering_point": point, "external_id": "m1"}
        made = self.api("POST", "api/v1/devices", asked).json()
        self.secrets["device key"] = str(made.get("key") or made["keys"]["primary"])
        values = [{"name": "power", "value": 420, "unit": "W"}]
        packet = {"version": 1, "property": "x", "reading_ts": int(time.time() * 1000), "device_id": "m1"}
        assert self.api("POST", "ingest/packets", {**packet, "points": values}, key="device key").is_success
        self.api("POST", "ingest/packets", {"nonsense": self.secrets["device key"]}, key="device key")
        self.secrets["wrong key"] = "mhd_" + "0a1b2c3d4e5f" * 3
        self.api("POST", "ingest/packets", packet, key="wrong key")
        self.http.post("/ingest/packets", params={"key": self.secrets["device key"]}, content="[]")

    def links(self) -> None:
        """Give out an invitation and a display link, open both, and end the display."""
        invited = self.send(
            f"/households/{self.home}/members/invite/", on=f"/households/{self.home}/members/", role="viewer"
        )
        self.secrets["invitation"] = str(re.findall(r"/join/([\w-]+)/", invited.text)[0])
        for _again in range(2):
            httpx.get(f"{self.url}join/{self.secrets['invitation']}/")
        settings = f"/households/{self.home}/settings/"
        made = self.send(f"/households/{self.home}/displays/", on=settings, name="Hall").text
        self.secrets["display"] = str(re.findall(r"/display/([\w-]+)/", made)[0])
        httpx.get(f"{self.url}display/{self.secrets['display']}/")
        self.watch(self.secrets["display"])
        ended = re.findall(r"/households/[0-9a-f-]+/displays/[0-9a-f-]+/revoke/", self.http.get(settings).text)
        self.send(ended[0], on=settings)
        assert httpx.get(f"{self.url}display/{self.secrets['display']}/").status_code == 404

    def watch(self, secret: str) -> None:
        """Open the display's live connection for a moment."""
        from websockets.sync.client import connect

        address = self.url.replace("http", "ws", 1)
        with connect(f"{address}live/display/{secret}/", origin=self.url.rstrip("/")) as live:
            live.recv(timeout=10)

    def second_factor(self) -> None:
        """Switch it on, sign out, and sign in with a recovery code."""
        page = self.http.get("/account/second-factor/set-up/").text
        secret = re.findall(r"<code>([A-Z2-7 ]+)</code>", page)[0].replace(" ", "")
        self.secrets["second factor"] = secret
        set_up = "/account/second-factor/set-up/"
        done = self.send(set_up, password=PASSWORD, code=pyotp.TOTP(secret).now()).text
        codes = re.findall(r"<code>([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})</code>", done)
        self.secrets |= {f"recovery code {number}": code for number, code in enumerate(codes)}
        self.send("/sign-out/", on="/account/")
        self.send("/sign-in/", username=EMAIL, password=WRONG_PASSWORD)
        self.send("/sign-in/", username=EMAIL, password=PASSWORD)
        self.send("/sign-in/code/", code="ZZZZ-ZZZZ-ZZZZ")
        self.send("/sign-in/code/", code=codes[0])
        assert self.http.get("/account/").url.path == "/account/"
        self.session("second session")

    def reset(self) -> None:
        """Set a new password by mail, and try the link again."""
        self.send("/password/reset/", email=EMAIL)
        link = urllib.parse.unquote(self.mailed("password/reset"))
        self.secrets["reset link"] = link.split("/")[4]
        form = self.http.get(link).url.path
        self.send(link, on=link) if form == link else None
        self.send(form, new_password1=OTHER_PASSWORD, new_password2=OTHER_PASSWORD)
        self.http.get(link)
