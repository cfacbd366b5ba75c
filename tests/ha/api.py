"""Home Assistant as its own frontend sees it: the websocket, and REST where there is nothing else."""

import itertools
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any
from urllib.error import HTTPError

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PATIENCE_S = 30.0
"""Seconds to wait for any one thing; a slow machine needs a fraction of it."""
MAX_BYTES = 1 << 24
"""Longest message: the states of a whole house come in one."""

Fields = Mapping[str, Any]


class Refused(Exception):
    """Home Assistant answered that something cannot be done, and why."""


class Api:
    """A connection that follows every state and every event; a context manager."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._socket = connect(
            url.replace("http:", "ws:") + "/api/websocket", max_size=MAX_BYTES, compression=None
        )
        self._numbers = itertools.count(1)
        self._answers: dict[int, Fields] = {}
        self._changed = threading.Condition()
        self._closed = False
        self.states: dict[str, Fields] = {}
        """The present state of every entity, by its id: ``state``, ``attributes`` and the rest."""
        self.events: list[Fields] = []
        """Everything on the bus since the connection was made, in order: ``event_type`` and ``data``."""
        assert json.loads(self._socket.recv(PATIENCE_S))["type"] == "auth_required"
        self._socket.send(json.dumps({"type": "auth", "access_token": token}))
        assert json.loads(self._socket.recv(PATIENCE_S))["type"] == "auth_ok"
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.ask("subscribe_events")
        for state in self.ask("get_states"):
            self.states.setdefault(state["entity_id"], state)

    def ask(self, kind: str, **fields: object) -> Any:  # noqa: ANN401 - whatever that command answers
        """Send a command and give its result. Raises Refused."""
        with self._changed:
            number = next(self._numbers)
            self._socket.send(json.dumps({"id": number, "type": kind, **fields}))
            assert self._changed.wait_for(lambda: number in self._answers or self._closed, PATIENCE_S), kind
            answer = self._answers.pop(number, None)
        assert answer is not None, f"Home Assistant hung up on {kind}"
        if not answer["success"]:
            raise Refused(answer["error"]["message"])
        return answer["result"]

    def do(self, action: str, entity_id: str | list[str] | None = None, **data: object) -> None:
        """Perform an action, as an automation or a press on the dashboard would; returns when it is done."""
        domain, service = action.split(".")
        target = {} if entity_id is None else {"target": {"entity_id": entity_id}}
        self.ask("call_service", domain=domain, service=service, service_data=data, **target)

    def state(self, entity_id: str) -> str | None:
        """The present state; None where there is no such entity."""
        with self._changed:
            return self.states[entity_id]["state"] if entity_id in self.states else None

    def attributes(self, entity_id: str) -> Fields:
        """The present attributes."""
        with self._changed:
            attributes: Fields = self.states[entity_id]["attributes"]
            return attributes

    def expect(
        self, entity_id: str, state: str | None, *, within_s: float = PATIENCE_S, **attributes: object
    ) -> float:
        """Wait until an entity is in this state (None: gone) with these attributes; the seconds it took."""

        def there(now: Fields | None) -> bool:
            if now is None or state is None:
                return now is None and state is None
            return bool(now["state"] == state and attributes.items() <= now["attributes"].items())

        return self._until_entity(entity_id, there, f"{state} {attributes}", within_s)

    def shows(self, entity_id: str, *, within_s: float = PATIENCE_S, **attributes: object) -> float:
        """Wait until an entity has these attributes, whatever its state; the seconds it took."""

        def there(now: Fields | None) -> bool:
            return now is not None and attributes.items() <= now["attributes"].items()

        return self._until_entity(entity_id, there, str(attributes), within_s)

    def knows(self, entity_id: str, *, within_s: float = PATIENCE_S) -> float:
        """Wait until an entity is there, available and not unknown; the seconds it took."""

        def there(now: Fields | None) -> bool:
            return now is not None and now["state"] not in ("unknown", "unavailable")

        return self._until_entity(entity_id, there, "known", within_s)

    def _until_entity(
        self, entity_id: str, there: Callable[[Fields | None], bool], what: str, within_s: float
    ) -> float:
        return self.until(
            lambda: there(self.states.get(entity_id)),
            lambda: f"{entity_id} is not {what} but {self.states.get(entity_id)}",
            within_s,
        )

    def until(
        self, there: Callable[[], bool], what: Callable[[], str], within_s: float = PATIENCE_S
    ) -> float:
        """Wait until something holds of what was seen so far; the seconds it took."""
        began = time.monotonic()
        with self._changed:
            assert self._changed.wait_for(there, within_s), what()
        return time.monotonic() - began

    def expect_event(
        self, kind: str, *, after: int = 0, within_s: float = PATIENCE_S, **data: object
    ) -> Fields:
        """Wait for an event on the bus with these data, which is not among the first ``after``."""

        def found() -> list[Fields]:
            news = self.events[after:]
            return [e for e in news if e["event_type"] == kind and data.items() <= e["data"].items()]

        self.until(lambda: bool(found()), lambda: f"no {kind} {data}", within_s)
        return found()[0]

    def history(self, entity_id: str, *, after: int = 0) -> list[str]:
        """The states that an entity went through, after the first ``after`` events."""
        with self._changed:
            changes = [e["data"] for e in self.events[after:] if e["event_type"] == "state_changed"]
        news = [change["new_state"] for change in changes if change["entity_id"] == entity_id]
        return ["" if new is None else new["state"] for new in news]

    def actions(self, domain: str, *, after: int = 0) -> list[Fields]:
        """The actions of a domain that were performed, after the first ``after`` events."""
        with self._changed:
            calls = [e["data"] for e in self.events[after:] if e["event_type"] == "call_service"]
        return [call for call in calls if call["domain"] == domain]

    def post(self, path: str, **fields: object) -> Any:  # noqa: ANN401 - whatever that page answers
        """Send JSON to a page of the REST interface."""
        return post(self._url + path, fields, self._token)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
        self._reader.join()

    def __enter__(self) -> "Api":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> None:
        try:
            for text in self._socket:
                message = json.loads(text)
                with self._changed:
                    if message["type"] == "result":
                        self._answers[message["id"]] = message
                    elif message["type"] == "event":
                        self._notice(message["event"])
                    self._changed.notify_all()
        except ConnectionClosed:
            pass  # Home Assistant went away; whoever waits for something learns it below
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()

    def _notice(self, event: Fields) -> None:
        self.events.append(event)
        if event["event_type"] != "state_changed":
            return
        if event["data"]["new_state"] is None:
            self.states.pop(event["data"]["entity_id"], None)
        else:
            self.states[event["data"]["entity_id"]] = event["data"]["new_state"]


def post(url: str, fields: Fields, token: str = "", *, form: bool = False) -> Any:  # noqa: ANN401
    """Send JSON, or a form, and give the JSON that comes back. Raises Refused."""
    body = "&".join(f"{k}={v}" for k, v in fields.items()) if form else json.dumps(fields)
    headers = {"Content-Type": f"application/{'x-www-form-urlencoded' if form else 'json'}"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, body.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise Refused(f"{url}: {error.code} {error.read().decode()}") from None
