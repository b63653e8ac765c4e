"""The whole pretend cloud in one object: homes, sky, clock, tokens, ledger, faults, variants."""

from __future__ import annotations

from carrier_sandbox.clock import Clock, Moment
from carrier_sandbox.faults import Faults
from carrier_sandbox.grants import Client, Grants
from carrier_sandbox.ledger import Ledger
from carrier_sandbox.options import Options
from carrier_sandbox.personas import shares
from carrier_sandbox.plans import changed_plan
from carrier_sandbox.thermal import Physics
from carrier_sandbox.tree import Node
from carrier_sandbox.variants import Variants
from carrier_sandbox.weather import Weather
from carrier_sandbox.world import System, World


class Sandbox:
    """State shared by the three doors: the API, the OAuth pages, the admin endpoints."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = Clock(options.clock_file, options.timezone)
        self.world = World(
            options.homes, options.seed, shares(options.scenario, options.persona_shares)
        )
        self.physics = Physics(self.clock, Weather(self.clock, options.seed))
        self.grants = Grants(options.access_ttl_s, options.code_ttl_s)
        self.client = Client(options.client_id, options.client_secret, options.redirect_uris)
        self.ledger = Ledger(options.ledger_file)
        self.faults = Faults()
        self.variants = Variants()
        self.opened = self.clock.now()

    def late(self, now: Moment) -> Moment:
        """When a POST of this moment takes effect."""
        delay = self.variants.effect_delay_s
        return now if delay <= 0 else Moment(now.real + delay, self.clock.sim_at(now.real + delay))

    def change_settings(self, system: System, patch: Node, since: float) -> None:
        """A new plan from a business time on; raises Malformed before anything changes."""
        local = since + self.clock.offset_s(since)
        system.plans.append(changed_plan(system.plans[-1], patch, system.traits, since, local))
