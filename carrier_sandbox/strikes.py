"""Carrying out a fault: what the caller gets to see when a rule of ``faults`` strikes."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import time

import orjson
from aiohttp import web

from carrier_sandbox.faults import Rule
from carrier_sandbox.grants import Access
from carrier_sandbox.ledger import Entry, Ledger

HTML_BODY = b"<!doctype html><html lang=en><title>Sorry</title><p>We will be back soon.</html>"


async def strike_before(
    rule: Rule, request: web.BaseRequest, entry: Entry, ledger: Ledger, access: Access | None
) -> web.StreamResponse | None:
    """The answer when nothing happened at the vendor; None when the request goes on as usual."""
    settings = rule.settings
    match rule.kind:
        case "delay":
            await asyncio.sleep(float(settings["seconds"]))
            return None
        case "error_before":
            return web.Response(status=int(settings["status"]), body=b"error")
        case "too_many":
            wait = settings["retry_after"]
            headers = {} if wait is None else {"Retry-After": str(wait)}
            return web.Response(status=int(settings["status"]), headers=headers)
        case "token_revoked":
            if access is not None:
                access.family.revoked = True
            return web.Response(status=401)
        case "unauthorized":
            return web.Response(status=401)
        case "redirect":
            headers = {"Location": str(settings["location"])}
            return web.Response(status=int(settings["status"]), headers=headers)
        case "hang_before":
            ledger.file(entry, 0)
            return await _hang(request, float(settings["seconds"]))
        case _:
            ledger.file(entry, 0)
            return _reset(request)


async def strike_after(
    rule: Rule, request: web.BaseRequest, entry: Entry, ledger: Ledger, answer: web.Response
) -> web.StreamResponse:
    """The answer when the effect is in the books."""
    settings = rule.settings
    match rule.kind:
        case "delay_after":
            await asyncio.sleep(float(settings["seconds"]))
            return answer
        case "error_after":
            return web.Response(status=int(settings["status"]), body=b"error")
        case "hang_after":
            ledger.file(entry, 0)
            return await _hang(request, float(settings["seconds"]))
        case "reset_after":
            ledger.file(entry, 0)
            return _reset(request)
        case "empty_body":
            return web.Response(status=int(settings["status"]))
        case "error_body":
            body = orjson.dumps({"error": {"message": "the request could not be completed"}})
            return _typed(body, "application/json", int(settings["status"]))
        case "garbage":
            return _typed(b'{"utility_events": {"ev', "application/json", int(settings["status"]))
        case "web_page":
            return _typed(HTML_BODY, "text/html", int(settings["status"]))
        case _:
            ledger.file(entry, answer.status)
            return await _long_answer(rule, request, answer)


def _typed(body: bytes, kind: str, status: int) -> web.Response:
    return web.Response(status=status, body=body, headers={"Content-Type": kind})


def _gone(request: web.BaseRequest) -> bool:
    return request.transport is None or request.transport.is_closing()


async def _hang(request: web.BaseRequest, seconds: float) -> web.StreamResponse:
    """Keep silent until the caller leaves or the time is over; then the connection is cut."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not _gone(request):
        await asyncio.sleep(min(0.1, max(0.0, ends - time.monotonic())))
    return _reset(request)


def _reset(request: web.BaseRequest) -> web.StreamResponse:
    """Cut the connection with a TCP reset."""
    if request.transport is not None and not request.transport.is_closing():
        sock = request.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response(status=500)


async def _long_answer(
    rule: Rule, request: web.BaseRequest, answer: web.Response
) -> web.StreamResponse:
    """Answers that take long or never end; they stop when the caller leaves."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    stream = web.StreamResponse(status=answer.status)
    stream.content_type = answer.content_type
    if rule.kind == "gzip_bomb":
        squeezed = gzip.compress(b" " * (int(rule.settings["megabytes"]) << 20), 9)
        return web.Response(body=squeezed, headers={"Content-Encoding": "gzip"})
    if rule.kind == "drip":
        stream.content_length = len(body)
    await stream.prepare(request)
    if rule.kind == "drip":
        for at in range(len(body)):
            if _gone(request):
                break
            await stream.write(body[at : at + 1])
            await asyncio.sleep(float(rule.settings["seconds_per_byte"]))
        return stream
    left = int(rule.settings["megabytes"]) << 20 if rule.kind == "big_body" else None
    chunk = b" " * int(rule.settings.get("chunk", 65536))
    while not _gone(request) and (left is None or left > 0):
        await stream.write(chunk)
        left = None if left is None else left - len(chunk)
        await asyncio.sleep(0)
    return stream
