"""Endpoints of moving features. They run in worker threads: files are read synchronously."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from layers import mfjson
from layers.movers import Kind, Measured
from layers.trajectory import GAP_MS, Run, Series
from ogc_server.answers import data_answer, etag, unchanged
from ogc_server.asked import Asked
from ogc_server.features import GEOJSON, JSON, collection_url
from ogc_server.moving import documents
from ogc_server.moving.movers import Movers, Seen, kinds, movers_of
from ogc_server.moving.parameters import Wish, parse_page, parse_wish
from ogc_server.parameters import parse_box
from ogc_server.problem import not_found
from ogc_server.times import write_instant

_SPACE = ("bbox", "bbox-crs")
_PAGE = ("limit", "offset")
# A page with paths ends early rather than growing beyond these many positions.
_MOST_ON_A_PAGE = 200_000


class _Question:
    """A request about movers: what was asked, of which kind, and of whom."""

    def __init__(self, request: Request, *known: str) -> None:
        self.asked = Asked(request, ("json",))
        self.asked.refuse_parameters(*known)
        self.values = self.asked.values
        path = request.path_params
        self.kind: Kind = _kind(self.asked, path["layer"])
        self.movers: Movers = _movers(self.asked)
        self.mover: str = path.get("fid", "")
        self.home = collection_url(self.asked.base, self.kind.collection)
        state = self.movers.state(self.kind), self.asked.catalogue.revision(self.kind.positions)
        self.tag = etag(request, state)
        self.held = unchanged(request, self.tag)

    def answer(self, document: dict[str, Any], media: str = JSON) -> Response:
        language = self.asked.language
        return data_answer(document, media, self.tag, Content_Language=language)

    def runs(self, wish: Wish) -> list[Run]:
        """Runs of the mover that the wish reaches; 404 for one that the reader doesn't see."""
        runs = self.movers.runs(self.kind, self.mover, wish.reach)
        if not runs:
            self.check_mover()
        return [run for run in runs if run.meets(*wish.span)]

    def check_mover(self) -> Seen:
        """Where and when the mover was; RequestError 404 where the reader sees none of it."""
        seen = self.movers.overview(self.kind).get(self.mover)
        if seen is None:
            raise not_found(f"item '{self.mover}' of collection '{self.kind.collection}'")
        return seen


def _kind(asked: Asked, collection: str) -> Kind:
    for kind in kinds(asked.catalogue):
        if kind.collection == collection:
            return kind
    raise not_found(f"collection '{collection}'")


def _movers(asked: Asked) -> Movers:
    movers = movers_of(asked.catalogue)
    assert movers is not None, "there are kinds only where there are positions"
    return movers


def items(request: Request) -> Response:
    """``/collections/{id}/items``: movers that were in a box within a span."""
    question = _Question(request, *_SPACE, *_PAGE, "datetime", "subTrajectory")
    wish, box = parse_wish(question.values, "subTrajectory"), _box(question)
    offset, limit = parse_page(question.values)
    if question.held is not None:
        return question.held
    listed = question.movers.listed(question.kind, wish.span, box)
    page = listed[offset : offset + limit]
    overview = question.movers.overview(question.kind)
    seen = {mover: overview[mover] for mover in page if mover in overview}
    made = documents.features(question.asked.catalogue, question.kind, seen, question.home)
    rows, taken = list(made.values()), len(page)
    if wish.cut:
        rows, taken = _with_paths(question, rows, wish)
    more = offset + taken < len(listed)
    links = documents.page_links(question.asked.place(), GEOJSON, offset, taken, more)
    document = {
        "type": "FeatureCollection",
        "features": rows,
        "crs": mfjson.CRS,
        "trs": mfjson.TRS,
        **_numbers(len(listed), len(rows), links),
    }
    return question.answer(document, GEOJSON)


def _with_paths(
    question: _Question, rows: list[dict[str, Any]], wish: Wish
) -> tuple[list[dict[str, Any]], int]:
    """Give features what lies of them in the span; the page ends where it is full.

    The number of features looked at comes with them.
    """
    made: list[dict[str, Any]] = []
    places = 0
    paths = question.movers.paths(question.kind, [row["id"] for row in rows], wish.span)
    for number, row in enumerate(rows):
        runs = _cut(paths.get(row["id"], []), wish)
        if not runs:
            continue
        places += sum(len(run.t) for run in runs)
        if made and places > _MOST_ON_A_PAGE:
            return made, number
        made.append(
            row
            | {
                "geometry": documents.shape(runs),
                "temporalGeometry": mfjson.temporal_geometry(runs),
            }
        )
    return made, len(rows)


def item(request: Request) -> Response:
    """``/collections/{id}/items/{mf}``: one mover."""
    question = _Question(request)
    seen = question.check_mover()
    if question.held is not None:
        return question.held
    feature = documents.features(
        question.asked.catalogue, question.kind, {question.mover: seen}, question.home
    )[question.mover]
    feature["geometry"] = documents.shape(question.movers.runs(question.kind, question.mover))
    return question.answer(feature, GEOJSON)


def sequence(request: Request) -> Response:
    """``…/tgsequence``: the path of a mover, a primitive for each run without a gap."""
    question = _Question(request, *_SPACE, *_PAGE, "datetime", "leaf", "subTrajectory")
    wish, box = parse_wish(question.values, "subTrajectory"), _box(question)
    offset, limit = parse_page(question.values)
    runs = [run for run in question.runs(wish) if documents.meets_box(run, box)]
    if question.held is not None:
        return question.held
    rows = [(name, part) for name, run in documents.named(runs) for part in _cut([run], wish)]
    page = rows[offset : offset + limit]
    more = offset + len(page) < len(rows)
    links = documents.page_links(question.asked.place(), JSON, offset, limit, more)
    document = {
        "type": "TemporalGeometrySequence",
        "geometrySequence": [documents.geometry(name, run) for name, run in page],
        **_numbers(len(rows), len(page), links),
    }
    return question.answer(document)


def derived(request: Request) -> Response:
    """``…/tgsequence/{tg}/distance``, ``velocity`` and ``acceleration``: curves over time."""
    question = _Question(request, "datetime", "leaf", "subTemporalValue")
    wish = parse_wish(question.values, "subTemporalValue")
    name = request.path_params["query"]
    wanted = documents.read_name(request.path_params["tg"])
    if name not in documents.DERIVED or wanted is None:
        raise not_found(f"'{request.path_params['tg']}/{name}'")
    run = question.movers.run(question.kind, question.mover, *wanted)
    if run is None:
        raise not_found(f"temporal geometry '{request.path_params['tg']}'")
    if question.held is not None:
        return question.held
    curve = [documents.derived(name, run)] if run.meets(*wish.span) else []
    parts = _values(curve, wish)
    document = documents.derived_property(name, parts, question.asked.language)
    return question.answer(document)


def properties(request: Request) -> Response:
    """``…/tproperties``: what was measured of a mover, with values only in a span asked for."""
    question = _Question(request, *_PAGE, "datetime", "subTemporalValue")
    wish = parse_wish(question.values, "subTemporalValue")
    offset, limit = parse_page(question.values)
    runs = question.runs(wish)
    if question.held is not None:
        return question.held
    found = [
        (what, parts)
        for what in question.kind.measured
        if (parts := _values(_measured(runs, what), wish))
    ]
    page = found[offset : offset + limit]
    language = question.asked.language
    listed: list[dict[str, Any]] = (
        mfjson.parametric_values(page, language)
        if wish.cut
        else [documents.temporal_property(what, language) for what, _ in page]
    )
    more = offset + len(page) < len(found)
    links = documents.page_links(question.asked.place(), JSON, offset, limit, more)
    document = {"temporalProperties": listed, **_numbers(len(found), len(page), links)}
    return question.answer(document)


def temporal_property(request: Request) -> Response:
    """``…/tproperties/{name}``: values of one property over time."""
    question = _Question(request, "datetime", "leaf", "subTemporalValue")
    wish = parse_wish(question.values, "subTemporalValue")
    name = request.path_params["name"]
    what = question.kind.measures(name)
    runs = question.runs(wish)
    if what is None:
        raise not_found(f"temporal property '{name}'")
    if question.held is not None:
        return question.held
    parts = _values(_measured(runs, what), wish)
    document = documents.temporal_property(what, question.asked.language)
    document["valueSequence"] = [mfjson.primitive_value(part, what.truth) for part in parts]
    return question.answer(document)


def _box(question: _Question) -> Any:
    return parse_box(question.asked.catalogue.city, question.values)


def _cut(runs: Iterable[Run], wish: Wish) -> list[Run]:
    if wish.leaf is not None:
        made = [run.at(wish.leaf) for run in runs]
    elif wish.cut:
        start, end = wish.span
        assert start is not None and end is not None
        made = [run.cut(start, end) for run in runs]
    else:
        made = list(runs)
    return [run for run in made if len(run.t)]


def _values(parts: Iterable[Series], wish: Wish) -> list[Series]:
    if wish.leaf is not None:
        made = [part.at(wish.leaf) for part in parts]
    elif wish.cut:
        start, end = wish.span
        assert start is not None and end is not None
        made = [part.cut(start, end) for part in parts]
    else:
        made = [part for part in parts if len(part.t) and _meets(part, wish)]
    return [part for part in made if len(part.t)]


def _meets(part: Series, wish: Wish) -> bool:
    start, end = wish.span
    return (end is None or part.t[0] <= end) and (start is None or part.t[-1] >= start)


def _measured(runs: Sequence[Run], what: Measured) -> list[Series]:
    return [
        part
        for run in runs
        for part in run.measured(what.column, what.interpolation, what.missing, GAP_MS)
    ]


def _numbers(matched: int, returned: int, links: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "numberMatched": matched,
        "numberReturned": returned,
        "timeStamp": write_instant(datetime.now(UTC)),
        "links": links,
    }
