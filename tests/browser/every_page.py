"""Every page of the product, in every state worth looking at, and how a browser gets there.

A visit names who looks, at which address, and the heading that proves it is the page meant. Words
in braces in an address are filled in by the town (tests/browser/town.py). A page that is in no
visit and not excused here fails tests/browser/test_every_page.py.
"""

import re
from dataclasses import dataclass

from django.urls import Resolver404, resolve


@dataclass(frozen=True)
class Visit:
    name: str
    who: str  # a person of the town; empty: nobody signed in
    path: str
    heading: str  # what the big heading begins with
    shows: str = ""  # words only this state has
    status: int = 200
    press: str = ""  # pressed first, one after the other: names of buttons, links, folds

    @property
    def route(self) -> str:
        """As tests/integration/access_matrix.txt writes it; empty for an address nobody has."""
        filled = re.sub(r"\{(\w+)\}", lambda word: SHAPES.get(word[1], "1"), self.path)
        try:
            route = resolve(re.split("[?#]", filled)[0]).route
        except Resolver404:
            return ""
        return route.replace("^", "").removesuffix("$")


SHAPES = {"hook": "00000000-0000-0000-0000-000000000000"}  # where a number is not enough

ANYBODY = (
    Visit("landing", "", "/", "Use a little less"),
    Visit("programs", "", "/programs/", "Use a little less"),
    Visit("program", "", "/programs/summer-peak/", "Summer Peak"),
    Visit("program-asks", "", "/programs/careful-peak/", "Careful Peak", "health"),
    Visit("program-closed", "", "/programs/winter-peak/", "Winter Peak", "no new homes"),
    Visit("sign-in", "", "/accounts/login/", "Sign in"),
    Visit("sign-up", "", "/accounts/signup/", "Create your account"),
    Visit("reset", "", "/accounts/password/reset/", "Reset your password"),
    Visit("reset-sent", "", "/accounts/password/reset/done/", "Look at your email"),
    Visit("reset-key", "", "{reset}", "Choose a new password"),
    Visit("reset-key-wrong", "", "/accounts/password/reset/key/1-x/", "This link no longer works"),
    Visit("reset-done", "", "/accounts/password/reset/key/done/", "Your password is changed"),
    Visit("shut-out", "", "/accounts/inactive/", "This account is closed"),
    Visit("invitation", "", "/invitation/{invitation}/", "Welcome to the console"),
    Visit("invitation-gone", "", "/invitation/x/", "This invitation opens nothing"),
    Visit("mail-say-no", "", "/o/{say_no}/", "Say no to Hot afternoon?"),
    Visit("mail-stop", "", "/m/{stop_mail}/", "Stop mail about events?"),
    Visit("mail-link-gone", "", "/o/x/", "This link does not work"),
    Visit("reference", "", "/api/v1/reference/", ""),
    Visit("not-found", "", "/nowhere/", "There is no such page", status=404),
    Visit("callback-stranger", "", "/connect/callback/", "We cannot use", status=400),
)
JOINING = (
    Visit("join-1-terms", "fresh", "/join/summer-peak/", "Read and agree"),
    Visit("join-1-closed", "fresh", "/join/winter-peak/", "Winter Peak"),
    Visit("join-2-account", "no-account", "/join/customers-only/", "Your utility account"),
    Visit("join-2-waits", "waits", "/join/customers-only/", "We look at your account"),
    Visit("join-2-asked", "asked", "/join/customers-only/", "Your utility account"),
    Visit("join-2-rejected", "rejected", "/join/customers-only/", "We could not accept"),
    Visit("join-3-questions", "unasked", "/join/careful-peak/", "A few questions"),
    Visit("join-3-answers", "answered", "/join/careful-peak/answers/", "Your answers"),
    Visit("join-4-connect", "agreed", "/join/summer-peak/", "Connect your Carrier account"),
    Visit("join-4-relink", "lost", "/join/summer-peak/", "Connect to Carrier again"),
    Visit("join-5-reading", "unread", "/join/summer-peak/", "Reading your systems"),
    Visit("join-6-choose", "read", "/join/summer-peak/", "Choose your systems"),
    Visit("join-7-done", "home-a", "/join/summer-peak/", "You are in"),
    Visit("callback-state", "agreed", "/connect/callback/?state=x", "We cannot use", status=400),
    Visit("callback-denied", "agreed", "{denied}", "You said no at Carrier"),
    Visit("callback-trouble", "agreed", "{trouble}", "Carrier is not ready", status=502),
    Visit("callback-expired", "agreed", "{expired}", "That took too long", status=409),
    Visit("callback-scopes", "agreed", "{scopes}", "A permission is missing"),
    Visit("callback-elsewhere", "agreed", "{elsewhere}", "This Carrier account", status=409),
)
HOME = (
    Visit("home", "home-a", "/home/", "My home", "Hot afternoon"),
    Visit("home-no-said", "home-b", "/home/", "My home", "You said no"),
    Visit("home-running", "neighbor", "/home/", "My home", "Taking part"),
    Visit("home-paused", "paused", "/home/", "My home", "Paused"),
    Visit("home-lost", "broken", "/home/", "My home", "Connect again"),
    Visit("home-replaced", "replaced", "/home/", "My home", "replace"),
    Visit("home-empty", "fresh", "/home/", "My home"),
    Visit("home-rejected", "rejected", "/home/", "My home", "could not accept"),
    Visit("opt-out", "home-a", "/home/events/{dispatch}/opt-out/", "Say no to Hot afternoon?"),
    Visit("opt-out-late", "neighbor", "/home/events/{running_dispatch}/opt-out/", "Say no to"),
    Visit("opt-out-over", "home-a", "/home/events/{past_dispatch}/opt-out/", "This event is over"),
    Visit("opt-in", "home-b", "/home/events/{no_dispatch}/opt-in/", "Take part in Hot afternoon"),
    Visit("opt-in-late", "neighbor", "/home/events/{running_dispatch}/opt-in/", "Feeder relief"),
    Visit("pause", "home-a", "/home/systems/{enrollment}/pause/", "Pause Downstairs"),
    Visit("withdraw", "home-a", "/home/systems/{enrollment}/withdraw/", "Leave Summer Peak"),
    Visit("calendar", "home-a", "/home/calendar/", "Calendar"),
    Visit("calendar-address", "home-b", "/home/calendar/", "Calendar", press="Make an address"),
    Visit("data", "home-a", "/home/data/", "My data"),
    Visit("data-delete", "home-a", "/home/data/delete/", "Delete my data?"),
    Visit("my-mail", "home-a", "/home/mail/", "Mail"),
    Visit("not-for-you", "home-a", "/console/", "This page is not for your account", status=403),
)
ACCOUNT = (
    Visit("account-email", "home-a", "/accounts/email/", "Email address"),
    Visit("account-password", "home-a", "/accounts/password/change/", "Change your password"),
    Visit(
        "account-again", "home-a-no-password", "/accounts/reauthenticate/", "Confirm that it is you"
    ),
    Visit("account-devices", "home-a", "/accounts/sessions/", "Where you are signed in"),
    Visit("account-sign-out", "home-a", "/accounts/logout/", "Sign out?"),
    Visit("mfa", "home-a", "/accounts/2fa/", "Two-step sign-in"),
    Visit("mfa-set-up", "home-a", "/accounts/2fa/totp/activate/", ""),
    Visit("mfa-on", "guarded", "/accounts/2fa/", "Two-step sign-in"),
    Visit("mfa-off", "guarded", "/accounts/2fa/totp/deactivate/", ""),
    Visit("mfa-codes", "guarded", "/accounts/2fa/recovery-codes/", ""),
    Visit("mfa-codes-new", "guarded", "/accounts/2fa/recovery-codes/generate/", ""),
    Visit("mfa-again", "guarded-no-password", "/accounts/2fa/reauthenticate/", "Confirm that"),
)
CONSOLE = (
    Visit("today", "operator", "/console/", "Today"),
    Visit("today-viewer", "viewer", "/console/", "Today"),
    Visit("today-stop", "operator", "/console/?stop#stop", "Today", "Type STOP"),
    Visit("events", "operator", "/console/events/", "Events"),
    Visit("designer", "operator", "/console/events/new/?program=summer-peak", "Plan an event"),
    Visit("designer-copy", "operator", "/console/events/new/?copy={past}", "Plan an event"),
    Visit("designer-draft", "operator", "/console/events/{draft}/edit/", "Change the draft"),
    Visit("event-draft", "operator", "/console/events/{draft}/", "First thought"),
    Visit("event-waits", "approver", "/console/events/{waits}/", "Needs four eyes"),
    Visit("event-scheduled", "operator", "/console/events/{event}/", "Hot afternoon"),
    Visit("event-running", "operator", "/console/events/{running}/", "Feeder relief"),
    Visit("event-viewer", "viewer", "/console/events/{running}/", "Feeder relief"),
    Visit("event-done", "operator", "/console/events/{past}/", "Hot afternoon"),
    Visit("event-cancelled", "operator", "/console/events/{cancelled}/", "Cooler than forecast"),
    Visit("results-running", "operator", "/console/events/{running}/results/", "Results of Feeder"),
    Visit("results", "operator", "/console/events/{past}/results/", "Results of Hot"),
    Visit("parts", "operator", "/console/events/{past}/parts/?by=postal", "Hot afternoon by part"),
    Visit("systems", "admin", "/console/systems/", "Systems"),
    Visit("systems-none", "operator", "/console/systems/?q=nothing-like-this", "Systems"),
    Visit("systems-viewer", "viewer", "/console/systems/", "Systems"),
    Visit("many-prepared", "operator", "/console/systems/many/{many_prepared}/", "Pause, many"),
    Visit("many-working", "operator", "/console/systems/many/{many_working}/", "Pause, many"),
    Visit("many-done", "operator", "/console/systems/many/{many_done}/", "Pause, many"),
    Visit("system-asked", "operator", "/console/systems/{asked}/", "", press="*"),
    Visit("system-events", "operator", "/console/systems/{system}/", "Downstairs"),
    Visit("system-off", "operator", "/console/systems/{off}/", "Downstairs", "Switch it on"),
    Visit("system-replaced", "operator", "/console/systems/{replaced}/", "Downstairs", "replace"),
    Visit("proof", "service", "/console/systems/{system}/proof/", "Proof of consent"),
    Visit("programs-console", "approver", "/console/programs/", "Programs"),
    Visit("program-new", "approver", "/console/programs/new/?like=smart-savings", "New program"),
    Visit("program-limits", "approver", "/console/programs/summer-peak/", "Summer Peak"),
    Visit("program-edit", "approver", "/console/programs/summer-peak/edit/", "Change Summer Peak"),
    Visit("program-terms", "approver", "/console/programs/summer-peak/terms/", "Terms of Summer"),
    Visit("season", "approver", "/console/programs/summer-peak/season/", "Season of Summer Peak"),
    Visit("groups", "operator", "/console/programs/summer-peak/groups/", "Groups of Summer Peak"),
    Visit("groups-none", "operator", "/console/programs/careful-peak/groups/", "Groups of Careful"),
    Visit("group-rule", "operator", "/console/groups/{group_rule}/", "On feeder F12"),
    Visit("group-hand", "operator", "/console/groups/{group_hand}/", "Staff homes"),
    Visit("group-retired", "operator", "/console/groups/{group_retired}/", "Last year"),
    Visit("questions", "approver", "/console/programs/careful-peak/questions/", "Questions of"),
    Visit("questions-none", "approver", "/console/programs/summer-peak/questions/", "Questions of"),
    Visit(
        "question-again",
        "approver",
        "/console/programs/careful-peak/questions/?key=health",
        "Questions of",
    ),
    Visit("applications", "service", "/console/applications/", "Applications", "Apart, Anna"),
    Visit("weeks", "viewer", "/console/applications/weeks/", "Applications week"),
    Visit(
        "applications-homeowner",
        "service",
        "/console/applications/?who=HOMEOWNER",
        "Applications",
        "asked@home.example",
    ),
    Visit("applications-viewer", "viewer", "/console/applications/", "Applications"),
    Visit("customers", "approver", "/console/customers/?q=62701", "Customers", "Hanna Home"),
    Visit("import-new", "approver", "/console/customers/imports/{import_new}/", "new.csv"),
    Visit("import-faulty", "approver", "/console/customers/imports/{import_faulty}/", "faulty.csv"),
    Visit("import-right", "approver", "/console/customers/imports/{import_right}/", "right.csv"),
    Visit("import-writing", "approver", "/console/customers/imports/{import_writing}/", "writing"),
    Visit("import-done", "approver", "/console/customers/imports/{import_done}/", "done.csv"),
    Visit("import-refused", "approver", "/console/customers/imports/{import_refused}/", "refused"),
    Visit("import-dropped", "approver", "/console/customers/imports/{import_dropped}/", "dropped"),
    Visit("partners", "operator", "/console/partners/", "Partners"),
    Visit("partner", "operator", "/console/partners/{client}/", ""),
    Visit("partner-practice", "operator", "/console/partners/{practice}/", "", "Practice"),
    Visit("webhook", "operator", "/console/partners/{client}/webhooks/{hook}/", "Webhook"),
    Visit("notices", "service", "/console/notices/", "Mail", "no such mailbox"),
    Visit("audit", "admin", "/console/audit/", "Activity"),
    Visit("audit-none", "admin", "/console/audit/?subject=event:0", "Activity", "No entry matches"),
    Visit("people", "admin", "/console/people/", "People"),
    Visit("person", "admin", "/console/people/{person}/", ""),
    Visit("person-out", "admin", "/console/people/{shut_out}/", "", "Shut out"),
)
VISITS = (*ANYBODY, *JOINING, *HOME, *ACCOUNT, *CONSOLE)

# Routes that answer a GET and are no page to look at, or are looked at elsewhere; each with why.
EXCUSED = {
    "healthz": "for machines",
    "readyz": "for machines",
    "admin/": "the back office is Django's own",
    "api/v1/": "JSON; its reference is visited",
    ".well-known/": "JSON",
    "identity/": "doors that stay shut",
    "calendar/": "a file for calendar programs",
    "console/audit.csv": "a file",
    "console/systems/all.csv": "a file",
    "console/applications/all.csv": "a file",
    "console/systems/<int:system_id>/proof.json": "a file",
    "console/programs/<slug:slug>/credits.csv": "a file",
    "console/programs/<slug:slug>/season/events.csv": "a file",
    "console/events/<int:event_id>/results.csv": "a file",
    "console/customers/imports/<int:import_id>/faults.csv": "a file",
    "home/events/<int:dispatch_id>/event.ics": "a file",
    "accounts/2fa/recovery-codes/download/": "a file",
    "console/now/": "a part of Today",
    "console/events/<int:event_id>/board/": "a part of the event's page",
    "console/events/<int:event_id>/indoors/": "a part of the event's page",
    "accounts/confirm-email/": "a code from a mail: test_journey.py looks at it",
    "accounts/2fa/authenticate/": "between password and code: test_operator_acts.py looks at it",
    "accounts/login/code/confirm/": "sign-in by a mailed code is not offered",
    "accounts/password/set/": "everybody has a password, so it leads to changing it",
}
