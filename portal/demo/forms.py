"""A browser without a window: reads HTML forms, fills them in, follows where they lead.

It sees what a person's browser sees and nothing else: hidden fields are kept, unticked boxes are
not sent, redirects are followed between portal and sandbox, cookies stay with their host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

LIMIT_S = 60.0  # a page may queue behind many others on a small machine


class PageError(RuntimeError):
    """A page is not what the walk expects; the text says which page and what it shows."""


@dataclass
class Form:
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)  # what is sent if nothing changes
    boxes: list[tuple[str, str]] = field(default_factory=list)  # ticked by hand only
    buttons: list[tuple[str, str, str]] = field(default_factory=list)  # name, value, words

    def names(self) -> set[str]:
        return {name for name, *_ in (*self.fields, *self.boxes, *self.buttons) if name}

    def filled(self, values: dict[str, str | list[str]]) -> list[tuple[str, str]]:
        """What is sent when `values` are typed, ticked or pressed. Unknown names are mistakes."""
        if unknown := set(values) - self.names():
            raise PageError(f"The form for {self.action} has no {', '.join(sorted(unknown))}.")
        sent = [(name, value) for name, value in self.fields if name not in values]
        for name, value in values.items():
            sent += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        return sent


@dataclass
class Page:
    url: str
    status: int
    html: str
    forms: list[Form]
    heading: str  # the first h1
    text: str  # what a person reads, blanks folded

    def form(self, *names: str, action: str = "") -> Form:
        """The first form that has all these fields and whose address ends so."""
        for form in self.forms:
            if form.names() >= set(names) and form.action.split("?")[0].endswith(action):
                return form
        what = ", ".join(names) or action
        raise PageError(f"No form with {what} on {self.url} ({self.status}): {self.text[:300]}")


class _Reader(HTMLParser):
    """Collects forms and visible text. A field may name its form by id; an ancestor wins."""

    SILENT = frozenset({"script", "style", "template", "title"})

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url, self.forms, self.words = url, [], []
        self.form: Form | None = None
        self.by_id: dict[str, Form] = {}
        self.silent = 0
        self.heading, self.in_heading = "", False
        self.select: list[tuple[str, bool]] | None = None
        self.select_name = ""
        self.area: str | None = None
        self.button: tuple[Form, int] | None = None

    forms: list[Form]
    words: list[str]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag in self.SILENT:
            self.silent += 1
        elif tag == "h1":
            self.in_heading = not self.heading
        elif tag == "form":
            method = told.get("method", "get").lower()
            self.form = Form(urljoin(self.url, told.get("action", "")), method)
            self.forms.append(self.form)
            self.by_id[told.get("id", "")] = self.form
        form = self.form or self.by_id.get(told.get("form") or "-")
        if form is not None and "disabled" not in told:
            self._field(tag, told, form)

    def _field(self, tag: str, told: dict[str, str], form: Form) -> None:
        name, value, kind = told.get("name", ""), told.get("value", ""), told.get("type", "text")
        if tag == "select":
            self.select, self.select_name = [], name
        elif tag == "option" and self.select is not None:
            self.select.append((value, "selected" in told))
        elif tag == "textarea":
            self.area = name
            form.fields.append((name, ""))
        elif tag == "button" or (tag == "input" and kind in ("submit", "image")):
            if told.get("type", "submit") == "submit":
                form.buttons.append((name, value, value))
                self.button = (form, len(form.buttons) - 1) if tag == "button" else None
        elif tag == "input" and name and kind in ("checkbox", "radio"):
            (form.fields if "checked" in told else form.boxes).append((name, value or "on"))
        elif tag == "input" and name and kind not in ("file", "reset", "button"):
            form.fields.append((name, value))

    def handle_endtag(self, tag: str) -> None:
        if tag in self.SILENT:
            self.silent -= 1
        elif tag == "h1":
            self.in_heading = False
        elif tag == "form":
            self.form = None
        elif tag == "select" and self.select is not None:
            chosen = [v for v, picked in self.select if picked] or [v for v, _ in self.select[:1]]
            if self.form is not None:
                self.form.fields += [(self.select_name, value) for value in chosen]
            self.select = None
        elif tag == "textarea":
            self.area = None
        elif tag == "button":
            self.button = None

    def handle_data(self, data: str) -> None:
        if self.silent:
            return
        if self.area is not None and self.form is not None:
            name, value = self.form.fields[-1]
            self.form.fields[-1] = (name, value + data)
        if self.button is not None:
            form, place = self.button
            name, value, words = form.buttons[place]
            form.buttons[place] = (name, value, f"{words} {data}".strip())
        if self.in_heading:
            self.heading += data
        self.words.append(data)


def read_page(url: str, status: int, html: str) -> Page:
    reader = _Reader(url)
    reader.feed(html)
    text = re.sub(r"\s+", " ", " ".join(reader.words)).strip()
    heading = re.sub(r"\s+", " ", reader.heading).strip()
    return Page(url, status, html, reader.forms, heading, text)


class Browser:
    """One person's browser: own cookies, no proxy, redirects followed."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.max_redirects = 12

    def get(self, url: str) -> Page:
        return self._page(self.session.get(url, timeout=LIMIT_S))

    def submit(self, page: Page, form: Form, **values: str | list[str]) -> Page:
        """Send a form as a browser does, with the page it stands on as the referrer."""
        sent = form.filled(values)
        headers = {"Referer": page.url}
        if form.method == "get":
            answer = self.session.get(form.action, params=sent, headers=headers, timeout=LIMIT_S)
        else:
            answer = self.session.post(form.action, data=sent, headers=headers, timeout=LIMIT_S)
        return self._page(answer)

    def close(self) -> None:
        self.session.close()

    @staticmethod
    def _page(answer: requests.Response) -> Page:
        page = read_page(answer.url, answer.status_code, answer.text)
        if answer.status_code >= 400:
            raise PageError(f"{page.url} answered {page.status}: {page.text[:300]}")
        return page
