"""The console's pages are served, and nothing beside them."""
import re
import urllib.error
import urllib.request

import pytest


def get(cloud, path):
    with urllib.request.urlopen(f"{cloud.url}/_cloche/console/{path}") as answer:
        return answer.headers["content-type"], answer.read().decode()


def test_every_file_that_the_page_names_is_there(cloud):
    kind, page = get(cloud, "")
    assert kind.startswith("text/html") and "<title>Cloche</title>" in page
    for name in re.findall(r'(?:href|src)="([a-z.]+)"', page):
        assert get(cloud, name)[1]


def test_nothing_else_is(cloud):
    for path in ("pages.py", "../control.py", "%2e%2e/pages.py", "x"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(cloud, path)
