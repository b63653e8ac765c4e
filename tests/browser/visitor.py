"""A person in front of a real browser: goes to pages, presses buttons, and looks.

Every visitor notes what a console would show: errors, broken scripts, violations of the content
security policy. A look at a page keeps a picture, asks axe, and measures for sideways scrolling.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
RULES: dict[str, Any] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
}
# In the dark only the colors differ.
COLORS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}
ASK_AXE = "rules => axe.run(rules).then(found => found.violations)"
# How wide the page is, how wide its window, and what sticks out of it, outermost first.
MEASURE = """() => {
  const root = document.documentElement, room = root.clientWidth;
  // A list that becomes cards on a phone does not scroll there, not even on its own.
  const lists = [...document.querySelectorAll(".table-scroll:has(> .cards)")];
  const long = innerWidth <= 640 && lists.find((one) => one.scrollWidth > one.clientWidth);
  if (long) return [long.scrollWidth, long.clientWidth, [long.getAttribute("aria-label")]];
  if (root.scrollWidth <= room) return [root.scrollWidth, room, []];
  const out = [...document.body.querySelectorAll("*")].filter(
    (one) => one.getBoundingClientRect().right > room + 0.5 && !one.closest(".table-scroll"));
  const words = (one) => `${one.tagName}.${one.className} "${one.textContent.trim().slice(0, 30)}"`;
  return [root.scrollWidth, room, out.slice(0, 8).map(words)];
}"""
Scheme = Literal["light", "dark"]
PHONE, DESKTOP = (390, 844), (1440, 900)
WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`Policy: ${event.violatedDirective} forbids ${event.blockedURI}, asked for by `
    + `${event.sourceFile}:${event.lineNumber} at ${event.target.outerHTML?.slice(0, 200)}`));
"""


@dataclass
class Visitor:
    page: Page
    web: str
    album: str  # the folder of this visitor's pictures
    troubles: list[str] = field(default_factory=list)
    may_refuse: set[int] = field(default_factory=set)  # answers a browser writes to its console

    @classmethod
    def arrive(cls, browser: Browser, web: str, album: str, size: tuple[int, int]) -> "Visitor":
        """A new device, without cookies: a phone with a touch screen where it is as narrow."""
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            has_touch=size == PHONE,
            is_mobile=size == PHONE,
            reduced_motion="reduce",
            accept_downloads=True,
        )
        context.add_init_script(WATCH_POLICY)
        page = context.new_page()
        visitor = cls(page, web, album)
        page.on("console", visitor._hear)
        page.on("pageerror", lambda error: visitor.troubles.append(f"{page.url}: {error}"))
        return visitor

    def _hear(self, message: ConsoleMessage) -> None:
        expected = any(f"status of {status}" in message.text for status in self.may_refuse)
        if message.type == "error" and not expected:
            self.troubles.append(f"{self.page.url}: {message.text}")

    @contextmanager
    def refused(self, status: int) -> Iterator[None]:
        """In here the server may answer so."""
        self.may_refuse.add(status)
        yield
        self.may_refuse.discard(status)

    # --- moving -------------------------------------------------------------------------------

    def go(self, path: str) -> None:
        self.page.goto(f"{self.web}{path}" if path.startswith("/") else path)

    def press(self, what: Locator) -> None:
        """With the finger where there is a touch screen."""
        if self.page.viewport_size == {"width": PHONE[0], "height": PHONE[1]}:
            what.tap()
        else:
            what.click()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("main").get_by_role("link", name=name, exact=True)

    def sign_in(self, email: str, password: str) -> None:
        self.go("/accounts/login/")
        self.page.get_by_label("Email", exact=False).first.fill(email)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.press(self.button("Sign in"))
        expect(self.page).not_to_have_url(re.compile("/accounts/login"))

    def sign_out(self) -> None:
        self.press(self.page.get_by_text("Account", exact=True))
        self.press(self.button("Sign out"))
        expect(self.page.get_by_text("You are signed out.")).to_be_visible()

    # --- looking ------------------------------------------------------------------------------

    def reads(self, heading: str | re.Pattern[str]) -> None:
        """The page's one big heading."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)

    def sees(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_role("main")).to_contain_text(text)

    def look(self, name: str, *schemes: Scheme, axe: bool = True) -> None:
        """A picture in every scheme, and nothing for axe, a ruler or the console to find."""
        for scheme in schemes or ("light",):
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            width = self.page.viewport_size["width"] if self.page.viewport_size else 0
            self.picture(f"{name}-{width}-{scheme}")
            if axe:
                self.ask_axe(
                    f"{name} at {width} in {scheme}", COLORS if scheme == "dark" else RULES
                )
            self.measure(f"{name} at {width}")
        assert not self.troubles, self.troubles

    def picture(self, name: str) -> Path:
        path = ARTIFACTS / self.album / f"{name}.png"
        # Hiding the caret writes styles into fields; htmx may copy them, which the policy forbids.
        self.page.screenshot(path=path, full_page=True, caret="initial")
        return path

    def ask_axe(self, where: str, rules: dict[str, Any] = RULES) -> None:
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        # Only what is wrong crosses over: the rest of an answer is a hundred times as much.
        found = self.page.evaluate(ASK_AXE, rules)
        words = [
            f"{rule['id']}: {node['target']} {node['failureSummary']}"
            for rule in found
            for node in rule["nodes"]
        ]
        assert not words, f"axe on {where}, {self.page.url}: {words}"

    def measure(self, where: str) -> None:
        wide, room, out = self.page.evaluate(MEASURE)
        assert wide <= room, (
            f"{where} scrolls sideways: {wide} px on {room}, {self.page.url}, because of {out}"
        )

    def leave(self) -> None:
        self.page.context.close()
        assert not self.troubles, self.troubles
