"""The process: one socket, three doors, a ledger that is written twice a second.

aiohttp's low-level server without router, middlewares and access log: a POST costs little more
than reading its bytes.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from pathlib import Path

import orjson
from aiohttp import web

from carrier_sandbox.admin import Admin
from carrier_sandbox.api import Api
from carrier_sandbox.keeping import load, save
from carrier_sandbox.oauth import OAuth
from carrier_sandbox.options import Options
from carrier_sandbox.sandbox import Sandbox

FLUSH_S = 0.5
KEEP_S = 5.0


class Doors:
    """Leads each request to its door and keeps the ledger."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.api = Api(sandbox)
        self.oauth = OAuth(sandbox)
        self.admin = Admin(sandbox)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request."""
        path = request.path
        if path.startswith("/_sandbox/"):
            return await self.admin.answer(request)
        now = self.sandbox.clock.now()
        ledger = self.sandbox.ledger
        entry = ledger.open(now.real, now.sim, request.method, path[:200])
        try:
            if path.startswith("/oauth/"):
                answer = await self.oauth.answer(request, entry, now)
            else:
                answer = await self.api.answer(request, entry, now)
            if entry.status is None:
                ledger.file(entry, answer.status)
            return answer
        except web.HTTPException as refusal:
            ledger.file(entry, refusal.status)
            return web.Response(status=refusal.status)
        except Exception:
            ledger.file(entry, 500)
            raise
        finally:
            ledger.close()


async def _flush_for_ever(sandbox: Sandbox) -> None:
    while True:
        await asyncio.sleep(FLUSH_S)
        sandbox.ledger.flush()


async def _keep_for_ever(sandbox: Sandbox, path: Path) -> None:
    seen = -1
    while True:
        if len(sandbox.ledger.entries) != seen:
            seen = len(sandbox.ledger.entries)
            save(sandbox, path)
        await asyncio.sleep(KEEP_S)


async def serve(options: Options) -> None:
    """Listen until TERM or INT."""
    sandbox = Sandbox(options)
    if options.state_file is not None:
        load(sandbox, options.state_file)
    doors = Doors(sandbox)
    if options.faults_file is not None:
        given = orjson.loads(options.faults_file.read_bytes())
        doors.admin.set_faults(given, sandbox.clock.now())
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # full collections over a growing ledger cost 100 ms each
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = web.Server(doors.handle, access_log=None, keepalive_timeout=300)
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port, backlog=1024)
    await site.start()
    port: int = runner.addresses[0][1]
    if options.port_file is not None:
        waiting = options.port_file.with_suffix(".part")
        waiting.write_text(f"{port}\n")
        waiting.replace(options.port_file)
    sys.stdout.write(
        f"carrier_sandbox ready on http://{options.host}:{port} "
        f"homes={options.homes} seed={options.seed} scenario={options.scenario}\n"
    )
    sys.stdout.flush()
    chores = [asyncio.create_task(_flush_for_ever(sandbox))]
    if options.state_file is not None:
        chores.append(asyncio.create_task(_keep_for_ever(sandbox, options.state_file)))
    await stop.wait()
    for chore in chores:
        chore.cancel()
    await runner.cleanup()
    sandbox.ledger.flush()
    if options.state_file is not None:
        save(sandbox, options.state_file)
