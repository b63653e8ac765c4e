"""The sign-in and consent pages: plain HTML and one style sheet, no script."""

from __future__ import annotations

from html import escape

from carrier_sandbox.grants import SCOPES
from carrier_sandbox.oauth_walks import Walk

STYLE = """\
:root { color-scheme: light dark; --ink: #16202b; --paper: #fff; --field: #f3f5f8; --line: #5b6b7d;
  --brand: #0b4f9c; --on-brand: #fff; --bad: #a3121f; --back: #e9edf2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf3; --paper: #17202b;
  --field: #0f161e; --line: #9aa8b7; --brand: #9cc8ff; --on-brand: #06203f; --bad: #ffb3b3;
  --back: #0a0f15; } }
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--back); }
header { background: #0b2f5c; color: #fff; padding: .75rem 1.25rem; }
header p { margin: 0; font-weight: 600; }
main { max-width: 28rem; margin: 1.5rem auto; padding: 1.5rem; background: var(--paper);
  border-radius: .75rem; }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 .75rem; }
label { display: block; font-weight: 600; margin-top: 1rem; }
input { width: 100%; min-height: 2.75rem; padding: .5rem .75rem; font: inherit; color: inherit;
  background: var(--field); border: 1px solid var(--line); border-radius: .375rem; }
button { width: 100%; min-height: 2.75rem; margin-top: 1rem; font: inherit; font-weight: 600;
  color: var(--on-brand); background: var(--brand); border: 1px solid var(--brand);
  border-radius: .375rem; cursor: pointer; }
button.quiet { color: var(--ink); background: transparent; border-color: var(--line); }
input:focus-visible, button:focus-visible { outline: 3px solid var(--brand); outline-offset: 2px; }
ul { padding-left: 1.25rem; } li { margin: .375rem 0; }
.trouble { color: var(--bad); font-weight: 600; } .note { font-size: .9rem; }
"""


def _page(title: str, inner: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} - Pretend Carrier</title>"
        '<link rel="stylesheet" href="/oauth/style.css"><link rel="icon" href="data:,"></head>'
        "<body>"
        "<header><p>Pretend Carrier account</p></header>"
        f"<main><h1>{escape(title)}</h1>{inner}"
        '<p class="note">This is a test server. It is not run by Carrier, and no home is real.</p>'
        "</main></body></html>"
    )


def _hidden(walk: Walk) -> str:
    return (
        f'<input type="hidden" name="walk" value="{escape(walk.number)}">'
        f'<input type="hidden" name="csrf" value="{escape(walk.csrf)}">'
    )


def sign_in(walk: Walk, username: str = "", trouble: str = "") -> str:
    """User name and password; with the trouble of the last try, if any."""
    alert = f'<p class="trouble" role="alert" id="trouble">{escape(trouble)}</p>' if trouble else ""
    described = ' aria-describedby="trouble" aria-invalid="true"' if trouble else ""
    return _page(
        "Sign in",
        f"<p><strong>{escape(walk.client_id)}</strong> asks to be connected with your systems.</p>"
        f'{alert}<form method="post" action="/oauth/authorize">{_hidden(walk)}'
        f'<label for="username">User name</label><input id="username" name="username" '
        f'value="{escape(username)}" autocomplete="username" autocapitalize="none" required'
        f'{described}><label for="password">Password</label>'
        f'<input id="password" name="password" type="password" '
        f'autocomplete="current-password" required{described}>'
        '<button type="submit" name="action" value="sign_in">Sign in</button></form>',
    )


def consent(walk: Walk, name: str) -> str:
    """What is asked for, as sentences, and two buttons."""
    asked = "".join(f"<li>{escape(SCOPES[scope])}</li>" for scope in walk.scopes)
    return _page(
        "Allow access?",
        f"<p>{escape(name)}, <strong>{escape(walk.client_id)}</strong> would be allowed to:</p>"
        f'<ul>{asked}</ul><form method="post" action="/oauth/authorize">{_hidden(walk)}'
        '<button type="submit" name="action" value="allow">Allow</button>'
        '<button type="submit" name="action" value="deny" class="quiet">Deny</button></form>'
        "<p>You can take this back at any time.</p>",
    )


def trouble(sentence: str) -> str:
    """A page that leads nowhere."""
    return _page("This link does not work", f'<p role="alert">{escape(sentence)}</p>')
