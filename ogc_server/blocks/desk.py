"""The page of the office: cases from screening to closing, joint tasks, figures."""

from __future__ import annotations

from layers.text import Text
from ogc_server.block import Block, Card, Door
from ogc_server.casework import desk

BLOCK = Block(
    name="desk",
    doors=(Door("/desk", {"GET": desk.page}),),
    cards=(
        Card(
            Text(en="The desk", zh="值守工作台"),
            Text(
                en="Screen, file, dispatch and verify cases, lead joint tasks, see the figures.",
                zh="工单甄别、立案、派遣与核查，组织联合任务，查看统计。",
            ),
            "/desk",
        ),
    ),
)
