"""Fixtures of the browser tests: one Chromium for all, a device of its own for every visitor.

The browser closes with this package. While it is open an event loop runs in this thread, and Django
would refuse to ask the database; nothing here is asynchronous, so it is told not to mind.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.visitor import DESKTOP, PHONE, Visitor
from tests.stack import Stack

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PATIENCE_MS = 20_000

Arrive = Callable[[], Visitor]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    mine = [item for item in items if here in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.stack)
        item.add_marker(pytest.mark.browser)
        if not _chromium():
            words = "no Chromium or Chrome: set CHROMIUM to the path of one"
            item.add_marker(pytest.mark.skip(reason=words))


def _chromium() -> str:
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), "")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=_chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


def _devices(
    chromium: Browser, stack: Stack, request: pytest.FixtureRequest, size: tuple[int, int]
) -> Iterator[Arrive]:
    there: list[Visitor] = []

    def arrive() -> Visitor:
        album = request.path.stem.removeprefix("test_")
        there.append(Visitor.arrive(chromium, stack.web, album, size))
        there[-1].page.set_default_timeout(PATIENCE_MS)
        return there[-1]

    yield arrive
    for visitor in there:
        visitor.leave()


@pytest.fixture
def phone(chromium: Browser, stack: Stack, request: pytest.FixtureRequest) -> Iterator[Arrive]:
    yield from _devices(chromium, stack, request, PHONE)


@pytest.fixture
def desktop(chromium: Browser, stack: Stack, request: pytest.FixtureRequest) -> Iterator[Arrive]:
    yield from _devices(chromium, stack, request, DESKTOP)
