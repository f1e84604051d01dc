"""Joint tasks: what belongs together, and the task that several departments close."""

from __future__ import annotations

from ogc_server.block import Block, Door
from ogc_server.casework import joint
from ogc_server.casework.joint_definition import definition
from ogc_server.casework.refusing import told

BLOCK = Block(
    name="joint",
    doors=(
        Door("/joint", {"GET": told(joint.list_tasks), "POST": told(joint.open_one)}),
        Door("/joint/proposals", {"GET": told(joint.proposals)}),
        Door("/joint/{task}", {"GET": told(joint.one_task)}),
        Door("/joint/{task}/{action}", {"POST": told(joint.take_action)}),
    ),
    definition=definition,
)
