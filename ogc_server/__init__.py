"""OGC server: the one map for any GIS client.

`create_app` makes an ASGI application: OGC API – Features over every layer of a city, the map page,
and pygeoapi behind for what it does well.
"""

from layers.access import LOCAL, PUBLIC, Audience
from ogc_server.app import create_app

__all__ = ["LOCAL", "PUBLIC", "Audience", "create_app"]
