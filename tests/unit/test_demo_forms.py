"""The demo's windowless browser: what it would send for a form is what a browser would send."""

import pytest

from portal.demo.forms import PageError, read_page
from portal.demo.people import CODE, Mailbox

HTML = """
<html><head><title>not read</title><script>var hidden = "<form>";</script></head>
<body>
<h1>Choose your
<em>systems</em></h1><h1>later</h1>
<p>Choose  your <b>systems</b></p>
<form id="search" method="get" action="/search"><input name="q"></form>
<form id="choice" method="post" action="../enroll/">
  <input type="hidden" name="csrfmiddlewaretoken" value="x&amp;y">
  <input type="checkbox" name="system" value="1"><input type="checkbox" name="system" value="2">
  <input type="checkbox" name="mails" checked>
  <input type="checkbox" name="system" value="3" disabled>
  <select name="zone"><option value="a">A</option><option value="b" selected>B</option></select>
  <select name="first"><option value="one">1</option><option value="two">2</option></select>
  <textarea name="note">line
two</textarea>
  <button name="act" value="draft">Save</button><button name="act" value="submit">Hand on</button>
</form>
<input form="choice" name="outside" value="too">
</body></html>
"""


@pytest.fixture
def page():
    return read_page("http://127.0.0.1:8000/join/summer/", 200, HTML)


def test_what_a_person_reads(page):
    assert page.text.startswith("Choose your systems")
    assert "not read" not in page.text
    assert "hidden" not in page.text
    assert page.heading == "Choose your systems"


def test_a_form_as_a_browser_would_send_it(page):
    form = page.form("system", action="/enroll/")
    assert (form.action, form.method) == ("http://127.0.0.1:8000/join/enroll/", "post")
    assert form.filled({"system": ["1", "2"], "act": "submit", "note": "hello"}) == [
        ("csrfmiddlewaretoken", "x&y"),
        ("mails", "on"),
        ("zone", "b"),
        ("first", "one"),
        ("outside", "too"),
        ("system", "1"),
        ("system", "2"),
        ("act", "submit"),
        ("note", "hello"),
    ]
    assert ("note", "line\ntwo") in form.filled({})
    assert ("system", "3") not in form.boxes


def test_buttons_are_known_by_their_words(page):
    assert page.form("act").buttons == [
        ("act", "draft", "draft Save"),
        ("act", "submit", "submit Hand on"),
    ]


def test_a_field_that_is_not_there_is_a_mistake(page):
    with pytest.raises(PageError, match="no color"):
        page.form("system").filled({"color": "red"})
    with pytest.raises(PageError, match="No form with username"):
        page.form("username")


@pytest.mark.parametrize("code", ["ABC123", "ABCD-EFGH", "123456"])
def test_the_code_in_a_mail_is_found_once_it_is_whole(tmp_path, code):
    mailbox = Mailbox(tmp_path)
    mail = tmp_path / "1.log"
    mail.write_text("Subject: Hello\nTo: home-0001@homes.example\n\nYour code is li")
    mailbox._look()
    assert mailbox._codes == {}
    mail.write_text(
        "Subject: Hello\nTo: Ada <home-0001@homes.example>\n\nYour code is listed below.\n\n"
        f"{code}\n\nBye.\n{'-' * 79}\n"
    )
    assert mailbox.code_for("home-0001@homes.example") == code
    assert CODE.search("HELLO there\n") is None


def test_two_mails_of_one_second_can_lie_in_one_file(tmp_path):
    mailbox = Mailbox(tmp_path)
    file = tmp_path / "20260714-150000-140245.log"

    def arrives(home, text):
        with file.open("a") as mails:
            mails.write(f"To: {home}@homes.example\n\n{text}\n{'-' * 79}\n")

    arrives("home-0016", "ABC123")
    assert mailbox.code_for("home-0016@homes.example") == "ABC123"
    arrives("home-0017", "DEF456")
    arrives("home-0018", "Nothing to type.")
    assert mailbox.code_for("home-0017@homes.example") == "DEF456"
    assert mailbox._codes == {}, "a mail is read once"
