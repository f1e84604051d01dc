"""A map image as an answer: drawn once for each state of its data, and kept for a while."""

from __future__ import annotations

from starlette.responses import Response

from ogc_server.answers import data_answer, etag, unchanged
from ogc_server.asked import Asked
from ogc_server.catalogue import Memory
from ogc_server.coverages.subsets import Part
from ogc_server.images import maps
from ogc_server.images.maps import Subject
from ogc_server.images.painting import JPEG, PNG, encode, on_background, parse_background
from ogc_server.images.viewport import Viewport

FORMATS = ("png", "jpeg")
_MEDIA = {"png": PNG, "jpeg": JPEG}
# What clients ask for again are maps of the size of a screen or a tile, not prints.
_PICTURES = Memory(256)
_KEPT_PIXELS = 1 << 21


def map_answer(asked: Asked, subject: Subject, part: Part, view: Viewport) -> Response:
    """Return the image of a subject in a window.

    Raises
    ------
    RequestError
        400 for a background that can't be read, 404 where nothing is there at the time asked for.
    """
    background = parse_background(asked.values, asked.format)
    scenes = maps.scenes_of(subject, part)
    told = maps.map_headers(asked, subject, scenes, view, part)
    tag = etag(asked.request, maps.state(asked, subject))
    held = unchanged(asked.request, tag)
    if held is not None:
        return held

    def make() -> bytes:
        image = maps.draw(asked, subject, view, part)
        return encode(on_background(image, view.grid, background), asked.format)

    # The tag holds the edition and name of the audience's catalogue, the address and the state.
    body = _PICTURES.get((tag, asked.format), make) if view.grid.size <= _KEPT_PIXELS else make()
    return data_answer(body, _MEDIA[asked.format], tag, **told)
