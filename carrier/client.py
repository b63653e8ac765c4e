"""The 23 operations of Carrier's Open API, one method each (contract section 1).

Errors are those of errors.py. An unreadable answer to a read is `TryLater` (nothing happened); to
a write it is `OutcomeUnknown`. Operations are asked for in JSON; a 406 is asked once more in XML
and the choice is remembered per resource (section 2.3).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import requests

from .config import CarrierConfig
from .documents import (
    Config,
    Dealer,
    Energy,
    EquipmentEvents,
    Faults,
    History,
    IduConfig,
    IduStatus,
    Incomplete,
    Location,
    OduConfig,
    OduStatus,
    Profile,
    RootCause,
    Status,
    User,
)
from .errors import ClientBug, OutcomeUnknown, TryLater, classify
from .parsing import SERIAL, Tree, Unreadable, child, parse, redact, root
from .transport import call, open_session
from .wire import JSON, XML, ListedEvent, Message, decode, events_url

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class System:
    """Operation 4: three documents in one. A part that is missing is None."""

    profile: Profile | None
    config: Config | None
    dealer: Dealer | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Posted:
    """The server's 2xx to a posted event. Not proof of anything: `listed` is usually empty, and
    only a later GET shows that the event is there (section 4.7, point 3)."""

    status: int
    listed: tuple[ListedEvent, ...]


class CarrierClient:
    """The Open API on behalf of one token. Keeps its connections; close it or use `with`.

    For one thread. Every method may raise any `CarrierError`; ValueError means that an argument
    cannot be part of an address.
    """

    def __init__(self, config: CarrierConfig, access_token: str) -> None:
        self._config = config
        self._authorization = f"Bearer {access_token}"
        self._session = open_session(config)
        self._media: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"CarrierClient({self._config.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()

    def user(self, username: str) -> User:
        """1. GET /users/{username}, scope Read-User."""
        return self._read(f"/users/{_segment(username)}", "user", User.of)

    def locations(self, username: str) -> tuple[Location, ...]:
        """2. GET /users/{username}/locations, scope Read-User. All of them, or an error."""
        path = f"/users/{_segment(username)}/locations"
        return self._read(path, "locations", Location.list_of)

    def location(self, location_id: str) -> Location:
        """3. GET /locations/{locationId}, scope Read-User."""
        return self._read(f"/locations/{_segment(location_id)}", "location", Location.of)

    def system(self, serial: str) -> System:
        """4. GET /systems/{serial}, scope Read-System."""
        return self._read(_system(serial), "system", _whole_system)

    def status(self, serial: str) -> Status:
        """5. GET /systems/{serial}/status, scope Read-System."""
        return self._part(serial, "status", Status.of)

    def profile(self, serial: str) -> Profile:
        """6. GET /systems/{serial}/profile, scope Read-System."""
        return self._part(serial, "profile", Profile.of)

    def config(self, serial: str) -> Config:
        """7. GET /systems/{serial}/config, scope Read-System."""
        return self._part(serial, "config", Config.of)

    def put_config(self, serial: str, changes: Mapping[str, Any]) -> None:
        """8. PUT /systems/{serial}/config, scope Write-System.

        `changes` are the members under `config`, in the tree's shape and in the system's own unit;
        the server checks neither ranges nor units (section 3.6), so the caller must.
        """
        body = json.dumps({"config": changes}, separators=(",", ":")).encode()
        self._write("PUT", f"{_system(serial)}/config", Message(body, JSON, ""))

    def energy(self, serial: str) -> Energy:
        """9. GET /systems/{serial}/energy, scope Read-System."""
        return self._part(serial, "energy", Energy.of)

    def dealer(self, serial: str) -> Dealer:
        """10. GET /systems/{serial}/dealer, scope Read-System."""
        return self._part(serial, "dealer", Dealer.of)

    def odu_config(self, serial: str) -> OduConfig:
        """11. GET /systems/{serial}/odu_config, scope Read-Equip."""
        return self._part(serial, "odu_config", OduConfig.of)

    def odu_status(self, serial: str) -> OduStatus:
        """12. GET /systems/{serial}/odu_status, scope Read-Equip."""
        return self._part(serial, "odu_status", OduStatus.of)

    def refresh_odu_status(self, serial: str) -> None:
        """13. DELETE /systems/{serial}/odu_status, scope Read-Equip: asks for a fresh reading."""
        self._ask_again(serial, "odu_status")

    def odu_faults(self, serial: str) -> Faults:
        """14. GET /systems/{serial}/odu_faults, scope Read-Equip."""
        return self._part(serial, "odu_faults", Faults.of)

    def idu_config(self, serial: str) -> IduConfig:
        """15. GET /systems/{serial}/idu_config, scope Read-Equip."""
        return self._part(serial, "idu_config", IduConfig.of)

    def idu_status(self, serial: str) -> IduStatus:
        """16. GET /systems/{serial}/idu_status, scope Read-Equip."""
        return self._part(serial, "idu_status", IduStatus.of)

    def refresh_idu_status(self, serial: str) -> None:
        """17. DELETE /systems/{serial}/idu_status, scope Read-Equip: asks for a fresh reading."""
        self._ask_again(serial, "idu_status")

    def idu_faults(self, serial: str) -> Faults:
        """18. GET /systems/{serial}/idu_faults, scope Read-Equip."""
        return self._part(serial, "idu_faults", Faults.of)

    def history(self, serial: str) -> History:
        """19. GET /systems/{serial}/history, scope Read-Equip."""
        return self._part(serial, "history", History.of)

    def equipment_events(self, serial: str) -> EquipmentEvents:
        """20. GET /systems/{serial}/equipment_events, scope Read-Equip."""
        return self._part(serial, "equipment_events", EquipmentEvents.of)

    def root_cause(self, serial: str) -> RootCause:
        """21. GET /systems/{serial}/root_cause, scope Read-Equip."""
        return self._part(serial, "root_cause", RootCause.of)

    def utility_events(self, serial: str) -> tuple[ListedEvent, ...]:
        """22. GET /systems/{serial}/utility_events, scope Read-UtilityEvents."""
        url = events_url(self._config.base_url, serial)
        answer = self._get(url, "utility_events")
        try:
            return decode(answer.content, _media(answer))
        except Unreadable as trouble:
            raise TryLater(f"unreadable utility_events: {trouble}") from None

    def post_utility_event(self, serial: str, message: Message) -> Posted:
        """23. POST /systems/{serial}/utility_events, scope Write-UtilityEvents (utility clients).

        Sent once. The format is ASSUMED (section 4.6); an error body under a 200 and a body that
        is neither empty nor a utility_events document raise `OutcomeUnknown`.
        """
        answer = self._write("POST", f"{_system(serial)}/utility_events", message)
        try:
            listed = decode(answer.content, _media(answer)) if answer.content.strip() else ()
        except Unreadable as trouble:
            detail = f"unreadable answer to a POST: {trouble}"
            raise OutcomeUnknown(detail, status=answer.status_code) from None
        return Posted(status=answer.status_code, listed=listed)

    # The four ways to call.

    def _part(self, serial: str, resource: str, reader: Callable[[Tree], T]) -> T:
        return self._read(f"{_system(serial)}/{resource}", resource, reader)

    def _read(self, path: str, resource: str, reader: Callable[[Tree], T]) -> T:
        answer = self._get(self._config.base_url.rstrip("/") + path, resource)
        try:
            return reader(parse(answer.content, _media(answer)))
        except Incomplete as trouble:
            raise ClientBug(f"incomplete {resource}: {trouble}") from None
        except Unreadable as trouble:
            raise TryLater(f"unreadable {resource}: {trouble}") from None

    def _get(self, url: str, resource: str) -> requests.Response:
        accept = self._media.get(resource, JSON)
        answer = self._call("GET", url, {"Accept": accept})
        if answer.status_code == 406 and accept == JSON:
            answer = self._call("GET", url, {"Accept": XML})
            if answer.status_code != 406:
                self._media[resource] = XML
        return _checked(answer, write=False)

    def _write(self, method: str, path: str, message: Message) -> requests.Response:
        headers = {"Accept": message.content_type, "Content-Type": message.content_type}
        url = self._config.base_url.rstrip("/") + path
        return _checked(self._call(method, url, headers, message.body), write=True)

    def _ask_again(self, serial: str, resource: str) -> None:
        # A request for a reading, not a removal (section 1): harmless to repeat.
        url = f"{self._config.base_url.rstrip('/')}{_system(serial)}/{resource}"
        _checked(self._call("DELETE", url, {"Accept": JSON}), write=False)

    def _call(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None = None
    ) -> requests.Response:
        headers = {**headers, "Authorization": self._authorization}
        return call(self._session, method, url, headers=headers, body=body)


def _system(serial: str) -> str:
    if not SERIAL.fullmatch(serial):
        raise ValueError("a serial is 1 to 32 letters, digits or hyphens")
    return f"/systems/{serial}"


def _segment(value: str) -> str:
    if value in ("", ".", "..") or len(value) > 256:
        raise ValueError("not usable as part of an address")
    return quote(value, safe="")


def _media(answer: requests.Response) -> str:
    return answer.headers.get("Content-Type") or ""


def _checked(answer: requests.Response, *, write: bool) -> requests.Response:
    headers = answer.headers
    error = classify(
        answer.status_code,
        write=write,
        allow=headers.get("Allow"),
        retry_after=headers.get("Retry-After"),
    )
    if error is not None:
        raise error
    return answer


def _whole_system(tree: Tree) -> System:
    system = root(tree, "system")

    def part(name: str, reader: Callable[[Tree], T]) -> T | None:
        inner = child(system, name)
        return reader({name: inner}) if inner else None

    return System(
        profile=part("profile", Profile.of),
        config=part("config", Config.of),
        dealer=part("dealer", Dealer.of),
        raw=redact(tree),
    )
