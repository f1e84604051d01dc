"""The watch: a page with what the rules find, as they find it."""

from __future__ import annotations

from layers.text import Text
from ogc_server.block import Block, Card, Door
from ogc_server.watch import watch_page

BLOCK = Block(
    name="watch",
    doors=(Door("/watch", {"GET": watch_page}),),
    cards=(
        Card(
            Text(en="The watch", zh="值守"),
            Text(
                en="Alerts as the rules find them, each with its numbers, path and evidence.",
                zh="规则发现的预警实时显示，每条都附数值、航迹和证据。",
            ),
            "/watch",
        ),
    ),
)
