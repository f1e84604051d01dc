"""The page for phones: work orders in the hand, with or without a network."""

from __future__ import annotations

from layers.text import Text
from ogc_server.block import Block, Card, Door
from ogc_server.casework import micro

BLOCK = Block(
    name="micro",
    doors=(
        Door("/micro", {"GET": micro.page}),
        Door("/micro/worker.js", {"GET": micro.worker}),
        Door("/micro/manifest.webmanifest", {"GET": micro.manifest}),
    ),
    cards=(
        Card(
            Text(en="Work orders on the phone", zh="移动工单"),
            Text(
                en="Take, handle and report on the spot, also without a network.",
                zh="现场接单、处置和上报，无网络时也可使用。",
            ),
            "/micro",
        ),
    ),
)
