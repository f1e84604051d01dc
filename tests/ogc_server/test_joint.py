"""The desk's doors: candidates, joint tasks, hand-overs, and lists by unit, each with its walls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.cases.conftest import LIGHTHOUSE, OLD_HARBOUR
from tests.ogc_server.conftest import BASE
from tests.ogc_server.nodes import two_nodes
from tests.ogc_server.test_cases import Office, anywhere, case_city, empty, office

__all__ = ["anywhere", "case_city", "empty", "office"]
PARTS = [
    {"id": "council", "task": "clear the quay"},
    {"id": "harbour_master", "task": "move the boats"},
]
TITLE = {"en": "Crates on the quay", "zh": "码头货箱"}


def many(office: Office, number: int = 4) -> list[str]:
    """Confirmed cases of one kind in one place."""
    found = []
    for one in range(number):
        case = office.report(key=f"many-{one}")
        office.bring(case, "verified")
        found.append(case)
    return found


def opened(office: Office, members: list[str], **more: Any) -> Any:
    body = {"cases": members, "departments": PARTS, "title": TITLE, "basis": "place"} | more
    return office.post("desk", "/joint", body, "j")


def test_a_joint_task_from_the_proposal_to_the_end_of_its_cases(anywhere: Office) -> None:
    cases = many(anywhere)
    (group,) = anywhere.get("desk", "/joint/proposals").json()["proposals"]
    assert {one["id"] for one in group["cases"]} == set(cases) and group["basis"] == "place"
    assert group["why"]["en"].startswith("4 cases of “Goods on the pavement”")
    assert "同一地点“占用人行道”工单4件" in group["why"]["zh"]

    first, again = opened(anywhere, cases), opened(anywhere, cases)
    assert (first.status_code, again.status_code) == (201, 200), first.text
    task = first.json()
    assert again.json()["id"] == task["id"] and task["lead"]["id"] == "council"
    assert anywhere.get("desk", "/joint/proposals").json()["proposals"] == []
    path = f"/joint/{task['id']}"
    for department, finding in (("council", "cleared"), ("harbour_master", "boats remain")):
        told = anywhere.post("chief", f"{path}/part", {
            "department": department, "finding": finding, "why": "seen on the spot",
        }).json()  # fmt: skip
    assert told["state"] == "conflict"
    (part,) = anywhere.get("ana", "/inbox").json()["notices"]
    assert (part["template"], part["case"]) == ("joint_part", task["id"])
    assert "clear the quay" in part["body"]
    templates = [one["template"] for one in anywhere.get("desk", "/inbox").json()["notices"]]
    assert templates.count("joint_conflict") == 1
    assert told["findings"] == {"cleared": ["council"], "boats remain": ["harbour_master"]}
    assert {"id": "rule"} in anywhere.get("desk", path).json()["actions"]
    assert anywhere.post("desk", f"{path}/conclude").status_code == 409
    anywhere.post("desk", f"{path}/rule", {"finding": "cleared", "why": "the photo is newer"})
    ended = anywhere.post("desk", f"{path}/conclude").json()
    assert (ended["state"], ended["conclusion"]) == ("concluded", "cleared")
    assert {one["state"] for one in ended["cases"]} == {"closed"}
    assert [one["action"] for one in ended["log"]] == [
        "joint_open", "joint_part", "joint_part", "joint_rule", "joint_conclude",
    ]  # fmt: skip
    figures = anywhere.get("desk", "/cases/statistics?by=all").json()["figures"]
    assert sum(one["closed"] for one in figures) == 4


def test_walls_of_joint_tasks(office: Office) -> None:
    cases = many(office, 2)
    path = f"/joint/{opened(office, cases).json()['id']}"
    assert office.get("farchief", path).status_code == 404
    assert office.get("farchief", "/joint").json()["tasks"] == []
    assert office.get("farchief", "/joint/proposals").json()["proposals"] == []
    assert office.get("farchief", "/joint?unit=PS-OH").status_code == 403
    assert office.post("farchief", f"{path}/conclude").status_code == 404
    part = {"department": "harbour_master", "finding": "x", "why": "y"}
    assert office.post("ana", f"{path}/part", part).status_code == 403, "another department's"
    assert office.post("eva", f"{path}/rule", part).status_code == 422
    assert office.post("eva", f"{path}/conclude").status_code == 403
    assert office.get("eva", "/joint/proposals").status_code == 403
    body = {"cases": cases, "departments": PARTS, "title": TITLE}
    assert office.post("farchief", "/joint", body, "f").status_code == 404
    assert office.get("resident", "/joint").status_code == 404
    assert office.get("resident", path).status_code == 404
    for plain in ("/joint", "/joint/proposals", path):
        assert office.client.get(plain).status_code == 401
    foreign = office.headers("desk") | {"Origin": "https://evil.example"}
    assert office.client.post(f"{path}/rule", json={}, headers=foreign).status_code == 403
    paths = office.get("desk", "/openapi").json()["paths"]
    assert {"/joint", "/joint/{task}/{action}", "/cases/{case}/candidates"} <= paths.keys()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"departments": []}, "departments"), ({"departments": [{"id": "council"}]}, "departments"),
     ({"departments": [PARTS[0], PARTS[0]]}, "departments"), ({"title": {"en": "x"}}, "title"),
     ({"departments": [{"id": "nobody", "task": "x"}]}, "departments"), ({"basis": "?"}, "basis"),
     ({"cases": [7]}, "cases"), ({"cases": []}, "members"), ({"surprise": 1}, "surprise")],
)  # fmt: skip
def test_a_task_without_what_it_needs_is_refused(office: Office, wrong: Any, field: str) -> None:
    answer = opened(office, many(office, 1), **wrong)
    assert answer.status_code == 422 and answer.json()["field"] == field, answer.text
    assert office.get("desk", "/joint").json()["tasks"] == []


def test_candidates_say_why_to_who_dispatches_and_to_nobody_else(office: Office) -> None:
    case = office.report()
    office.bring(case, "filed")
    told = office.get("desk", f"/cases/{case}/candidates").json()["candidates"]
    assert [one["kind"] for one in told] == ["centre", "department"]
    assert told[1]["department"]["id"] == "council" and told[0]["minutes"] < told[1]["minutes"]
    assert all(reason["en"] and reason["zh"] for one in told for reason in one["reasons"])
    assert office.get("ana", f"/cases/{case}/candidates").status_code == 403
    assert office.get("farchief", f"/cases/{case}/candidates").status_code == 404
    assert office.client.get(f"/cases/{case}/candidates").status_code == 401


def test_a_case_is_handed_over_only_where_a_node_is_declared(office: Office) -> None:
    case = office.report()
    office.bring(case, "filed")
    path = f"/cases/{case}/hand_over"
    answer = office.post("chief", path, {"node": "north", "why": "your quay"})
    assert answer.status_code == 422 and answer.json()["field"] == "peer"
    assert office.post("chief", path, {"why": "x"}).json()["field"] == "node"
    assert office.post("farchief", path, {"node": "north", "why": "x"}).status_code == 404
    assert office.get("chief", f"/cases/{case}").json()["nodes"] == []


def test_a_case_is_handed_over_to_a_node_once(
    tiny_folder: Path, pudong_folder: Path, tmp_path: Path
) -> None:
    urls = (str(tmp_path / "south.gpkg"), str(tmp_path / "north.gpkg"))
    south, north = two_nodes(tiny_folder, pudong_folder, tmp_path, urls)
    case = south.report("STREET-1", OLD_HARBOUR)
    client = TestClient(south.app, base_url=BASE, raise_server_exceptions=False)
    (node,) = client.get(f"/cases/{case}").json()["nodes"]
    body, key = {"node": node["id"], "why": "it stands on your quay"}, {"Idempotency-Key": "h"}
    path = f"/cases/{case}/hand_over"
    assert client.post(path, json={"node": node["id"]}).json()["field"] == "why"
    first, again = (client.post(path, json=body, headers=key).json() for _ in range(2))
    assert (first["after"], first["replayed"], again["replayed"]) == ("suspended", False, True)
    assert client.get(f"/cases/{case}").json()["nodes"] == [], "it is there now"
    (kept,) = south.exchanges()
    assert (kept["case_id"], kept["direction"], kept["peer"]) == (case, "out", node["id"])
    for one in (south, north):
        one.store.close()


def test_lists_by_unit_never_leave_the_subtree(office: Office) -> None:
    here, there = office.report(), office.report("chief", key="z", where=list(LIGHTHOUSE))
    assert OLD_HARBOUR != LIGHTHOUSE

    def ids(name: str, query: str) -> set[str]:
        told = office.get(name, f"/cases?{query}").json()["cases"]
        return {one["id"] for one in told}

    assert ids("chief", "unit=PS-OH") == {here} and ids("chief", "unit=PS-LP") == {there}
    assert ids("chief", "limit=9") == {here, there} and ids("chief", "overdue=true") == set()
    for unit in ("PS-LP", "nowhere", "P"):
        assert office.get("desk", f"/cases?unit={unit}").status_code == 403
