"""A town with somebody at every turn of every walk, in rows; the pages of all of them can be opened
one after the other without anything being played first.

It is nine in the morning of the cast's day. ``at`` fills the addresses of every_page.py, ``keys``
are the sessions of those who look.
"""

import re
import time
from datetime import timedelta
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from enrollments import operations as homes
from enrollments import rules
from enrollments.models import CarrierGrant, Program, System
from enrollments.operations import Choice, Wording
from enrollments.queries.applications import seen
from enrollments.states import GrantState
from people.models import User
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.cast import MORNING
from tests.contract.conftest import challenge
from tests.integration.access_town import Town as MatrixTown
from tests.integration.access_town import session_of
from tests.integration.conftest import Vendor
from tests.integration.test_system_page import joined

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


class Town(MatrixTown):
    """The town of the access matrix, where two homes have an event this afternoon, and more."""

    def __init__(self, vendor: Vendor) -> None:
        super().__init__()
        self.vendor = vendor
        self.summer = Program.objects.get()
        self.actor = Actor.person(self.people[Role.ADMIN])
        self.everybody = {**self.owners, **{role: self.people[as_] for role, as_ in ROLES.items()}}
        self.keys: dict[str, str] = {}
        self.at: dict[str, Any] = {
            "event": self.samples["event_id"],
            "dispatch": self.samples["dispatch_id"],
            "enrollment": self.samples["enrollment_id"],
            "system": self.samples["system_id"],
            "client": self.samples["client_id"],
            "hook": self.samples["hook_id"],
            "person": self.samples["user_id"],
            "invitation": self.tokens["invitation/"],
            "say_no": self.tokens["o/"],
            "stop_mail": self.tokens["m/"],
        }
        self.joining()
        self.living()
        self.accounts()

    # --- who is on the way in -------------------------------------------------------------------

    def newcomer(self, name: str, program: Program | None = None) -> User:
        """Somebody with an account here, who agreed to the program's terms if one is named."""
        user = cast.homeowner(f"{name}@home.example")
        self.everybody[name] = user
        if program:
            homes.agree(
                user=user, program=program, version=1, actor=Actor.person(user), now=MORNING
            )
        return user

    def joining(self) -> None:
        cast.program("Winter Peak", is_open=False)
        self.careful = cast.program("Careful Peak")
        health = Wording(
            "Does anybody need cooling for their health?", False, "Please call us; we help."
        )
        renter = Wording("Do you rent this home?", None, "")
        for key, wording in (("health", health), ("renter", renter)):
            homes.ask_question(
                program=self.careful, key=key, after=0, wording=wording, actor=self.actor,
                now=MORNING,
            )  # fmt: skip
        self.newcomer("fresh")
        self.newcomer("unasked", self.careful)
        answered = self.newcomer("answered", self.careful)
        homes.answer(
            user=answered, program=self.careful, actor=Actor.person(answered), now=MORNING,
            said={one.pk: one.key == "renter" for one in self.careful.questions.all()},
        )  # fmt: skip
        self.newcomer("agreed", self.summer)
        lost = cast.grant(self.newcomer("lost", self.summer))
        CarrierGrant.objects.filter(pk=lost.pk).update(state=GrantState.NEEDS_RELINK)
        cast.grant(self.newcomer("unread", self.summer), synced_at=None)
        read = cast.grant(self.newcomer("read", self.summer))
        cast.system(read, "2319W000101")
        cast.system(read, "2319W000102", name="Upstairs", dr_enabled=False)
        cast.system(read, "2319W000103", name="Guest house", is_online=False)
        self.applying()

    def applying(self) -> None:
        """Four who need a utility account: before it, waiting, asked to check, turned down."""
        only = cast.program("Customers Only", needs_account=True)
        cast.customer()
        cast.customer("4100732283", name="Apart, Anna", email="anna@home.example")
        self.newcomer("no-account", only)
        for name, number in (
            ("waits", "4100732282"),
            ("waits-too", "4100732284"),
            ("asked", "41007"),
            ("rejected", "777777"),
        ):
            user = self.newcomer(name, only)
            homes.match_account(
                user=user, program=only, account=number, postal="62701",
                actor=Actor.person(user), now=MORNING,
            )  # fmt: skip
        reason = "We have no account with this number; call us with a bill at hand."
        for act, name in (("ask", "asked"), ("reject", "rejected")):
            one = self.everybody[name].applications.get()
            decided = homes.decide(
                act=act, choices=[Choice(one.pk, seen(one))], reason=reason, actor=self.actor,
                now=MORNING,
            )  # fmt: skip
            assert decided.done == 1

    # --- who lives with it ------------------------------------------------------------------------

    def member(self, name: str, serial: str, **fields: Any) -> System:
        system = cast.enrolled(self.summer, serial, f"{name}@home.example", **fields)
        self.everybody[name] = system.grant.user
        return system

    def living(self) -> None:
        paused = self.member("paused", "2319W000201")
        homes.pause(
            enrollment_id=paused.enrollments.get().pk, actor=Actor.person(paused.grant.user),
            now=MORNING, until=MORNING + timedelta(days=9),
        )  # fmt: skip
        broken = self.member("broken", "2319W000202")
        CarrierGrant.objects.filter(pk=broken.grant_id).update(state=GrantState.NEEDS_RELINK)
        old = self.member("replaced", "2319W000203")
        place = {"carrier_id": "40231", "name": "Home"}
        new = {
            "serial": "2419W000204", "location": "40231", "name": "Downstairs", "is_online": True,
            "has_outdoor_unit": True, "dr_enabled": True,
        }  # fmt: skip
        homes.save_home(
            grant=old.grant, locations=[place], systems=[new], now=MORNING, real_now=MORNING
        )
        self.at["replaced"] = old.pk
        self.at["off"] = self.member("off", "2319W000205", dr_enabled=False).pk
        self.at["asked"] = joined(self.vendor, self.summer).pk

    # --- who has an account ----------------------------------------------------------------------

    def accounts(self) -> None:
        guarded = self.newcomer("guarded")
        TOTP.activate(guarded, SECRET)
        RecoveryCodes.activate(guarded)
        for name, user in self.everybody.items():
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
            self.keys[name] = self.session(user)
        for name in ("home-a", "guarded"):  # whose password was given too long ago
            self.keys[f"{name}-no-password"] = session_of(self.everybody[name])
        out = cast.operator("left@utility.example", Role.OPERATOR)
        User.objects.filter(pk=out.pk).update(is_active=False)
        self.at["shut_out"] = out.pk
        key = f"{user_pk_to_url_str(guarded)}-{default_token_generator.make_token(guarded)}"
        self.at["reset"] = f"/accounts/password/reset/key/{key}/"

    def session(self, user: User) -> str:
        """Signed in with a password a moment ago."""
        key = session_of(user)
        session = SessionStore(key)
        gave = {"method": "password", "at": time.time(), "reauthenticated": True}
        session["account_authentication_methods"] = [gave]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()
        return key

    # --- addresses --------------------------------------------------------------------------------

    def fill(self, path: str) -> str:
        """An address of every_page.py. Answers of Carrier are made now: they are soon too old."""
        for name in re.findall(r"{(\w+)}", path):
            if name in ANSWERS:
                self.at[name] = f"/connect/callback/?state={name}&{self.answer_of_carrier(name)}"
        return path.format_map({key: str(value) for key, value in self.at.items()})

    def answer_of_carrier(self, name: str) -> str:
        """What Carrier sends along when it sends the browser back; the state is the name."""
        verifier = f"{name:x<50}"
        homes.begin_link(
            user=self.everybody["agreed"], program=self.summer, state=name,
            session=self.keys["agreed"], verifier=verifier, real_now=timezone.now(),
        )  # fmt: skip
        fixed = ANSWERS[name]
        if fixed:
            return fixed
        linked, other = self.vendor.homes()[1:3]
        if name == "elsewhere":
            cast.grant(self.everybody["off"], carrier_username=linked["username"])
            return "code=" + self.vendor.code(linked, code_challenge=challenge(verifier))
        fewer = " ".join(set(rules.ASKED_SCOPES) - {"Write-UtilityEvents"})
        return "code=" + self.vendor.code(other, code_challenge=challenge(verifier), scope=fewer)


# How Carrier may answer; empty where it gives a code.
ANSWERS = {
    "denied": "error=access_denied",
    "trouble": "error=server_error",
    "expired": "code=a-code-of-yesterday",
    "scopes": "",
    "elsewhere": "",
}
ROLES = {
    "viewer": Role.VIEWER,
    "service": Role.CUSTOMER_SERVICE,
    "operator": Role.OPERATOR,
    "approver": Role.APPROVER,
    "admin": Role.ADMIN,
}
