"""What a reader of a package must keep in mind: what is missing, and what could make it wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cases.evidence.citations import Cited
from cases.evidence.seen import Seen
from layers.text import Text

_WHAT = {
    "alert": Text(en="alert", zh="预警"),
    "record": Text(en="record", zh="记录"),
    "reference": Text(en="reference", zh="依据"),
}


def absent(seen: Seen, what: str, layer: str, fid: str, cited_by: str) -> dict[str, Any]:
    """Say that something cited is not there; to a reader of a part, that it may not be his."""
    named = _WHAT[what]
    gone = Text(en="is no longer there", zh="已不存在")
    if not seen.whole:
        gone = Text(en="is not there, or not within your view", zh="不存在或不在您的查看范围内")
    return {
        "id": f"{what}/{layer}/{fid}",
        "layer": layer,
        "fid": fid,
        "cited_by": cited_by,
        "en": f"Cited {named.en} {fid} {gone.en}.",
        "zh": f"所引用的{named.zh}{fid}{gone.zh}。",
    }


def missing(seen: Seen, alerts: Sequence[Cited], document: dict[str, Any]) -> list[dict[str, Any]]:
    """Points and references that the alerts cite and the package does not have."""
    held = {row["id"] for row in document["records"]} | {m["id"] for m in document["messages"]}
    held |= {fix["id"] for track in document["tracks"] for fix in track["fixes"]}
    told: dict[str, dict[str, Any]] = {}
    for alert in alerts:
        for point in alert.points:
            if point not in held:
                one = absent(seen, "record", "", point, alert.id)
                told.setdefault(one["id"], one)
    for one in document["references"]:
        if one["layer"] and one["fid"] and one["row"] is None:
            said = absent(seen, "reference", one["layer"], one["fid"], one["alert"])
            told.setdefault(said["id"], said)
    return list(told.values())


def doubts(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Doubts of the alerts, then those of the package itself; texts in both languages."""
    found = [*_of_alerts(document), *_of_rules(document), *_of_rows(document)]
    found += [*_of_references(document), *_of_tracks(document)]
    return [
        {"id": f"{about}#{number}", "about": about, "en": text.en, "zh": text.zh}
        for number, (about, text) in enumerate(found)
    ]


def _of_alerts(document: dict[str, Any]) -> Iterator[tuple[str, Text]]:
    for alert in document["alerts"]:
        if alert["now"] == "deleted":
            yield (
                alert["id"],
                Text(en="This alert was withdrawn later.", zh="该预警此后已被撤销。"),
            )
        evidence = alert["properties"].get("evidence")
        said = evidence.get("doubts") if isinstance(evidence, dict) else None
        for one in said if isinstance(said, list) else []:
            if isinstance(one, dict):
                yield alert["id"], Text(en=str(one.get("en", "")), zh=str(one.get("zh", "")))


def _of_rules(document: dict[str, Any]) -> Iterator[tuple[str, Text]]:
    for rule in document["rules"]:
        declared = rule["declared_version"]
        if declared is None:
            text = Text(
                en="The rule is not declared any more; its parameters are not known here.",
                zh="该规则已不再声明，其参数在此未知。",
            )
            yield rule["id"], text
        elif rule["found_by"] != [declared]:
            versions = ", ".join(rule["found_by"])
            text = Text(
                en=f"Found by version {versions} of the rule; the parameters shown are those of"
                f" version {declared}.",
                zh=f"由规则第{versions}版发现；所列参数为第{declared}版。",
            )
            yield rule["id"], text


def _of_rows(document: dict[str, Any]) -> Iterator[tuple[str, Text]]:
    for row in document["records"]:
        about = f"{row['layer']}/{row['id']}"
        if row["now"] == "changed":
            yield (
                about,
                Text(en="The record was changed after the alert.", zh="该记录在预警之后被修改。"),
            )
        if row["now"] == "deleted":
            yield (
                about,
                Text(
                    en=f"Cited record {row['id']} is no longer there; shown as it stood.",
                    zh=f"所引用的记录{row['id']}已不存在；所示为当时内容。",
                ),
            )


def _of_references(document: dict[str, Any]) -> Iterator[tuple[str, Text]]:
    for one in document["references"]:
        about, row, again = one["id"], one["row"], one["reproduced"]
        if row is not None and row["standing"] == "kept_later":
            text = Text(
                en=f"{one['fid']} was not kept here yet at the time of the event; shown as first"
                f" kept, on {row['valid_from']}.",
                zh=f"事件发生时此处尚未保存{one['fid']}；所示为{row['valid_from']}首次保存的内容。",
            )
            yield about, text
        if row is not None and row["standing"] == "ended":
            text = Text(
                en=f"{one['fid']} had ended before the event; shown as last kept.",
                zh=f"{one['fid']}在事件发生前已失效；所示为最后保存的内容。",
            )
            yield about, text
        if again is not None and not again["equal"]:
            text = Text(
                en=f"The version that the alert cites, {one['cited'].get('version')}, does not come"
                f" out of the rows as they stood: {again['version']}.",
                zh=f"预警所引用的版本{one['cited'].get('version')}与当时数据重算结果"
                f"{again['version']}不一致。",
            )
            yield about, text


def _of_tracks(document: dict[str, Any]) -> Iterator[tuple[str, Text]]:
    for track in document["tracks"]:
        if "fixes_in_all" in track:
            kept, whole = len(track["fixes"]), track["fixes_in_all"]
            text = Text(
                en=f"{kept} of {whole} fixes are shown, all cited ones among them.",
                zh=f"共{whole}个定位点，所示为其中{kept}个，含全部被引用的点。",
            )
            yield track["id"], text
        wrong = [fix["id"] for fix in track["fixes"] if "content_id" in fix]
        if wrong:
            text = Text(
                en=f"{len(wrong)} fixes have an id that is not that of their content, first"
                f" {wrong[0]}.",
                zh=f"{len(wrong)}个定位点的编号与其内容不符，首个为{wrong[0]}。",
            )
            yield track["id"], text
