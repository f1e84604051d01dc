"""Two nodes of different cities that exchange cases, each with a store and an outbox of its own."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from cases.acting import Acted, act
from cases.actor import Actor
from cases.case_log import entries
from cases.case_rows import Row
from cases.channels.peer import PeerChannel
from cases.exchange import hand_over
from cases.notices import read_notices
from cases.outbox import Delivered, Outbox
from cases.peers import read_peers
from cases.reporting import report
from layers.city import City
from layers.query import Query
from layers.store import open_store
from layers.store.notices import NoticeRecords
from ogc_server import create_app
from tests.served import free_port, running

SECRET = {"ONEMAP_TEST_PEER": "whsec_c2hhcmVk"}
LAYERS = ("case_event", "case_log", "case_exchange", "joint_task", "adm_street_town")
OLD_HARBOUR = (-75.125, -42.605)


class Node:
    """A city with its store; its people are one who may do everything."""

    def __init__(self, folder: Path, url: str, port: int) -> None:
        self.city, self.port = City(folder), port
        self.store = open_store(url, self.city)
        self.store.create(*map(self.city.layer, LAYERS))
        self.peers, self.notices = read_peers(self.city), read_notices(self.city)
        self.records, self.ahead = NoticeRecords(self.store), timedelta()
        self.app = create_app(self.city, self.store)

    def serving(self) -> AbstractContextManager[str]:
        """The node on the network."""
        return running(self.app, self.port)

    def deliver(self) -> Delivered:
        """Send all that waits, as if the longest pause had passed."""
        self.ahead += timedelta(hours=2)
        (peer,) = self.peers.peers
        channels = {peer.channel: PeerChannel(self.peers.node, peer, SECRET)}
        outbox = Outbox(
            self.records, channels, self.notices.retry, lambda: datetime.now(UTC) + self.ahead
        )
        done = outbox.deliver()
        outbox.close()
        return done

    def report(self, kind: str, where: tuple[float, float], key: str = "1", **more: Any) -> str:
        """Report a matter and bring it to be filed; the case's id."""
        now = datetime.now(UTC)
        with self.store.transaction() as unit:
            made = report(unit, self.city, Actor.local(), kind=kind, where=where, at=now,
                          key=key, note="Crates on the pavement", photos=["photo/1"],
                          **more)  # fmt: skip
        for action in ("confirm", "file"):
            self.act(made.case_id, action)
        return made.case_id

    def act(self, case: str, action: str, **more: Any) -> Acted:
        """Do one action, and put into the outbox what others are told."""
        with self.store.transaction() as unit:
            now = datetime.now(UTC)
            return act(unit, self.city, Actor.local(), case, action, at=now, **more)

    def hand_over(self, case: str, why: str = "yours", **more: Any) -> Acted:
        """Hand a case over to the other node."""
        (peer,) = self.peers.peers
        with self.store.transaction() as unit:
            actor, now = more.pop("actor", Actor.local()), datetime.now(UTC)
            return hand_over(unit, self.city, self.peers, actor, case, peer.id, why=why, at=now,
                             **more)  # fmt: skip

    def close_case(self, case: str, department: str) -> None:
        """Bring a case that was found to its end."""
        done = {"why": "staff: done", "photos": ["p/2"], "where": OLD_HARBOUR}
        self.act(case, "confirm")
        self.act(case, "file")
        self.act(case, "dispatch", details={"department": department})
        self.act(case, "take")
        self.act(case, "start")
        self.act(case, "done", **done)
        self.act(case, "verify")
        self.act(case, "close", why="The pavement is free")

    def cases(self) -> list[Row]:
        """All cases."""
        rows: list[Row] = self.store.frame(Query("case_event")).to_dict("records")
        return rows

    def exchanges(self) -> list[Row]:
        """All hand-overs."""
        rows: list[Row] = self.store.frame(Query("case_exchange")).to_dict("records")
        return rows

    def steps(self, case: str) -> list[str]:
        """Actions in the log of a case, in order."""
        return [entry["action"] for entry in entries(self.store, case)]


def two_nodes(
    tiny: Path, pudong: Path, home: Path, urls: tuple[str, str], most: int = 3
) -> tuple[Node, Node]:
    """Make nodes of copies of two cities that know each other."""
    ports, kinds = (free_port(), free_port()), ({"0506": "STREET-1"}, {"STREET-1": "0506"})
    found = []
    for number, folder in enumerate((tiny, pudong)):
        copy = home / f"node{number}"
        ignored = shutil.ignore_patterns("rules", "demo", "demo.yaml", "peers.yaml")
        shutil.copytree(folder, copy, ignore=ignored)
        (copy / "rules").mkdir()
        other = {
            "id": "south" if number else "north",
            "title": {"en": "The other city", "zh": "另一城市"},
            "url": f"http://127.0.0.1:{ports[1 - number]}",
            "secret_env": "ONEMAP_TEST_PEER",
            "kinds": kinds[number],
        }
        told = {"node": "north" if number else "south", "most_hand_overs": most}
        text = yaml.safe_dump({**told, "peers": [other]}, allow_unicode=True)
        (copy / "peers.yaml").write_text(text, encoding="utf-8")
        found.append(Node(copy, urls[number], ports[number]))
    return found[0], found[1]
