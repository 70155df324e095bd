"""A member takes his data with him."""

import zipfile

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.processes]


@pytest.mark.parametrize("width", [1200, 360])
def test_the_archive_is_made_while_one_watches_and_holds_a_year(visit, product, signed_in, tmp_path, width):
    page = visit("/account/privacy/", state=signed_in, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("text=Make the archive")
    # The newest stands first; its state comes by itself.
    fetch = page.locator("#requests tbody tr:first-child >> text=Fetch the archive")
    fetch.wait_for(timeout=60_000)
    with page.expect_download() as waiting:
        fetch.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    waiting.value.save_as(tmp_path / "archive.zip")
    archive = zipfile.ZipFile(tmp_path / "archive.zip")
    readings = [name for name in archive.namelist() if "-import_energy-" in name]
    assert archive.read(readings[0]).count(b"\n") > 300 * 96
