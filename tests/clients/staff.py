"""A server over a city for pages on which people with accounts work."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from layers.accounts import Accounts
from layers.city import City
from layers.roles import Account
from ogc_server import PUBLIC, create_app
from ogc_server.access.entrance import Entrance
from tests.served import running
from tests.test_stories import Place

# What a page says once its scripts have run.
READY = 'document.documentElement.dataset.ready === "yes"'


class Staff:
    """A server, and people with accounts who ask it."""

    def __init__(self, place: Place, people: Mapping[str, Mapping[str, Any]]) -> None:
        self.place, self.url = place, ""
        accounts = Accounts(place.folder)
        self.secrets = {}
        for name, told in people.items():
            accounts.put(Account(name=name, **told))
            self.secrets[name] = accounts.new_secret(name)
        entrance = Entrance(accounts, place.city.roles, alone=PUBLIC)
        self.app = create_app(place.city, place.store, entrance=entrance, folder=place.folder)

    @classmethod
    @contextmanager
    def at_work(
        cls, folder: Path, city: Path, people: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[Self]:
        """Serve while the block runs."""
        place = Place(folder, City(city))
        made = cls(place, people)
        with running(made.app) as url:
            made.url = url
            yield made
        place.store.close()

    def ask(self, name: str, method: str, path: str, body: Any = None, key: str = "") -> Any:
        pair = base64.b64encode(f"{name}:{self.secrets[name]}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"} | ({"Idempotency-Key": key} if key else {})
        answer = httpx.request(method, f"{self.url}{path}", json=body, headers=headers, timeout=60)
        assert answer.is_success, answer.text
        return answer.json()
