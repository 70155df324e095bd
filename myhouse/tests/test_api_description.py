"""What the API says of itself: the OpenAPI description and the page that shows it."""

import re

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def test_describes_itself_without_a_warning(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))

    assert "application/problem+json" in (tmp_path / "schema.yaml").read_text()


def test_describes_itself():
    schema = Client().get(reverse("api-schema"), headers={"Accept": "application/vnd.oai.openapi+json"})

    assert schema.status_code == 200
    assert b"/api/v1/households/{household_id}/appliances" in schema.content


def test_makes_the_description_once_and_answers_304_to_who_has_it(django_assert_num_queries):
    first = Client().get(reverse("api-schema"))

    with django_assert_num_queries(0):
        again = Client().get(reverse("api-schema"), headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.content) == (304, b"")


def test_nothing_asked_of_the_description_reaches_its_headers():
    answer = Client().get(reverse("api-schema") + "?version=%0d%0aX-Evil:1&lang=%0d%0a")

    assert answer.status_code == 200
    assert "X-Evil" not in str(answer.headers)


def test_the_documentation_page_loads_nothing_from_elsewhere_and_nothing_inline():
    page = Client().get(reverse("api-docs"))
    script = Client().get(re.findall(r'<script src="([^"]+)"', page.content.decode())[-1].replace("&amp;", "&"))
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())

    assert page.status_code == script.status_code == 200
    assert all(source.startswith("/") for source in sources)
    assert not re.search(rb"<script>|<style|\sstyle=", page.content)
    assert b"://" not in script.content.replace(b"http://testserver", b"")
