"""Cases over HTTP: what one may act on, each step, photos, figures, and one's inbox."""

from __future__ import annotations

from cases.case_rows import CASE
from ogc_server.block import Block, Door, Links
from ogc_server.casework import acting, choosing, handing_over, inbox, photos, reading
from ogc_server.casework.definition import definition
from ogc_server.casework.refusing import told
from ogc_server.catalogue import Catalogue
from ogc_server.features import JSON, link


def _landing(catalogue: Catalogue, base: str, language: str) -> Links:
    spec = catalogue.city.layer(CASE)
    if not catalogue.audience.sees(spec):
        return []
    return [link("related", JSON, spec.title.say(language), f"{base}/cases")]


_ACT = told(acting.take_action)
BLOCK = Block(
    name="cases",
    doors=(
        Door("/cases", {"GET": told(reading.list_cases), "POST": told(acting.open_case)}),
        Door("/cases/statistics", {"GET": told(reading.figures)}),
        Door("/cases/{case}", {"GET": told(reading.one_case)}),
        # Checking on the spot is an action of this name, too.
        Door("/cases/{case}/verify", {"GET": told(reading.chain), "POST": _ACT}),
        Door("/cases/{case}/candidates", {"GET": told(choosing.ranked)}),
        Door("/cases/{case}/hand_over", {"POST": told(handing_over.hand_over_case)}),
        Door("/cases/{case}/{action}", {"POST": _ACT}),
        Door("/photos", {"POST": told(photos.upload)}),
        Door("/photos/{digest}", {"GET": told(photos.photo)}),
        Door("/inbox", {"GET": told(inbox.inbox), "POST": told(inbox.mark_seen)}),
    ),
    landing=_landing,
    definition=definition,
)
