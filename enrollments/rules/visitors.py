"""Is somebody looking at a page, or a machine?"""

import re

# Whatever says so itself, or names a tool that fetches pages for no person. Simple on purpose: a
# number of visits need not be exact, and nothing about a visitor is kept to make it so.
_MACHINES = re.compile(
    r"bot|crawl|spider|slurp|scan|preview|monitor|fetch|check|curl|wget|python|java/|go-http|"
    r"okhttp|libwww|headless|lighthouse|facebookexternalhit|whatsapp|feed",
    re.IGNORECASE,
)


def is_person(user_agent: str, purpose: str) -> bool:
    """``user_agent`` and ``purpose`` as the headers have them; a page that is fetched in advance is
    not looked at."""
    if "prefetch" in purpose.lower() or "prerender" in purpose.lower():
        return False
    return bool(user_agent) and not _MACHINES.search(user_agent)
