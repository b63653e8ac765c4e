"""Make a partner's client, give it programs or a new secret, suspend it: as in the console."""

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from base import clock
from base.refusal import Refused
from partners.operations import client_secrets, clients
from people.operations import Actor

SHELL = Actor("command:partner_client")
# Acts that need the client alone.
PLAIN = {
    "suspend": "it gets no token and those it has end, until it is resumed",
    "resume": "it gets tokens again, by the secrets it had",
    "end-tokens": "every token issued so far ends; the secret fetches new ones",
    "end-old-secret": "the secret before the newest ends before its time",
}


class Command(BaseCommand):
    help = "Make a partner's API client, give it programs or a new secret, suspend or resume it."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        create = acts.add_parser("create", help="a new client; prints id and secret once")
        create.add_argument("name", help="the partner, as operators will read it")
        create.add_argument("--program", action="append", default=[], help="slug; repeatable")
        create.add_argument("--read-only", action="store_true", help="may not plan events")
        create.add_argument(
            "--practice", action="store_true", help="made-up homes only; cannot be changed later"
        )
        rotate = acts.add_parser("rotate", help="a new secret; the old one goes on for 72 hours")
        rotate.add_argument("client_id")
        rotate.add_argument("--at-once", action="store_true", help="the old one ends now")
        rotate.add_argument(
            "--end-tokens",
            action="store_true",
            help="the old one and all tokens issued so far end now (a leak)",
        )
        grant = acts.add_parser("grant", help="more programs for a client")
        grant.add_argument("client_id")
        grant.add_argument("--program", action="append", required=True, help="slug; repeatable")
        revoke = acts.add_parser("revoke", help="a program it shall see no more")
        revoke.add_argument("client_id")
        revoke.add_argument("--program", required=True, help="slug")
        for act, words in PLAIN.items():
            acts.add_parser(act, help=words).add_argument("client_id")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = self._act(options)
        except Refused as no:
            raise CommandError(str(no)) from None
        if made:
            self.stdout.write(f"client id:     {made.client_id}")
            self.stdout.write(f"client secret: {made.secret}")
            self.stderr.write("The secret is shown this once; only its hash is kept.")

    def _act(self, options: dict[str, Any]) -> clients.Credentials | None:
        now, real_now = clock.now(), clock.real_now()
        if options["act"] == "create":
            return clients.create(
                name=options["name"],
                slugs=options["program"],
                read_only=options["read_only"],
                is_practice=options["practice"],
                actor=SHELL,
                now=now,
                real_now=real_now,
            )
        if options["act"] == "rotate":
            return client_secrets.rotate(
                client_id=options["client_id"],
                at_once=options["at_once"],
                end_tokens=options["end_tokens"],
                actor=SHELL,
                now=now,
                real_now=real_now,
            )
        who: dict[str, Any] = {"client_id": options["client_id"], "actor": SHELL, "now": now}
        acts: dict[str, Callable[[], Any]] = {
            "grant": lambda: clients.grant(slugs=options["program"], **who),
            "revoke": lambda: clients.revoke(slug=options["program"], **who),
            "suspend": lambda: clients.suspend(**who, real_now=real_now),
            "resume": lambda: clients.resume(**who),
            "end-tokens": lambda: clients.end_tokens(**who),
            "end-old-secret": lambda: client_secrets.end_old_secret(**who),
        }
        acts[options["act"]]()
        self.stdout.write("Done.")
        return None
