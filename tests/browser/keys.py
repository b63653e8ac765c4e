"""A person without a pointer: Tab, Space, Enter, and what is typed. Wherever the keys stop, the
place must be seen: on the screen, and with a ring around it."""

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, expect

from tests.browser.visitor import Visitor

STOP = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const style = getComputedStyle(at), box = at.getBoundingClientRect();
  const words = at.getAttribute("aria-label") || at.textContent.trim() || at.name || "";
  return {
    what: `${at.tagName.toLowerCase()} ${at.id} "${words.slice(0, 40)}"`,
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0
      && box.top < innerHeight && box.left < innerWidth,
  };
}"""
MOST_STOPS = 120


@dataclass(frozen=True)
class Keys:
    who: Visitor

    def to(self, role: str, name: str | re.Pattern[str]) -> None:
        """Tab until the keys are there; ``summary`` is what opens a fold."""
        page = self.who.page
        if role == "summary":
            self.reach(page.locator("summary", has_text=name).first)
        else:
            self.reach(page.get_by_role(role, name=name).first)  # type: ignore[arg-type]

    def reach(self, wanted: Locator) -> None:
        """A trap or a hidden control never gets there."""
        expect(wanted).to_be_visible()
        for _ in range(MOST_STOPS):
            if wanted.evaluate("element => element === document.activeElement"):
                self.stop()
                return
            self.who.page.keyboard.press("Tab")
            self.stop()
        raise AssertionError(f"Tab never reaches {wanted} on {self.who.page.url}")

    def stop(self) -> str:
        """Where the keys are, in words; empty on the page itself. Asserts that one sees it."""
        at = self.who.page.evaluate(STOP)
        if at is None:
            return ""
        assert at["ring"], f"no ring around {at['what']} on {self.who.page.url}"
        assert at["seen"], f"the keys are off the screen, at {at['what']} on {self.who.page.url}"
        return str(at["what"])

    def enter(self, role: str, name: str | re.Pattern[str]) -> None:
        self.to(role, name)
        self.who.page.keyboard.press("Enter")

    def fill(self, role: str, name: str | re.Pattern[str], text: str) -> None:
        """Over what stands there."""
        self.to(role, name)
        self.who.page.keyboard.press("ControlOrMeta+a")
        self.who.page.keyboard.type(text)

    def tick(self, role: str, name: str | re.Pattern[str]) -> None:
        self.to(role, name)
        self.who.page.keyboard.press("Space")
