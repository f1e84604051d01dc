"""What was asked: a request read once, for every endpoint alike."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request

from layers.access import Audience
from layers.spec import LayerSpec
from ogc_server.access.sign_in import ACTOR_KEY
from ogc_server.block import Block
from ogc_server.catalogue import CATALOGUE_KEY, Catalogue
from ogc_server.features import Place
from ogc_server.gate import BASE_KEY
from ogc_server.negotiation import wanted_format, wanted_language
from ogc_server.parameters import single_values
from ogc_server.problem import bad_parameter
from ogc_server.processes.pool import Pool

_PLAIN = ("f", "lang")


class Asked:
    """What every endpoint reads of a request: base URL, parameters, format, language, catalogue.

    Parameters
    ----------
    formats : formats of the answer that are offered.
    several : parameters that may be given more than once.
    """

    def __init__(
        self,
        request: Request,
        formats: tuple[str, ...] = ("json", "html"),
        several: tuple[str, ...] = (),
    ) -> None:
        self.request = request
        self.values = single_values(request.query_params.multi_items(), several)
        self.base: str = request.scope[BASE_KEY]
        self.catalogue: Catalogue = request.scope[CATALOGUE_KEY]
        headers = request.headers
        self.format = wanted_format(self.values, headers.get("accept", ""), formats)
        self.language = wanted_language(self.values, headers.get("accept-language", ""))

    def refuse_parameters(self, *known: str) -> None:
        """RequestError 400 for any parameter but ``f``, ``lang`` and ``known``."""
        for name in self.values:
            if name not in (*_PLAIN, *known):
                raise bad_parameter(name, "is unknown here")

    @property
    def audience(self) -> Audience:
        """Who asks."""
        return self.catalogue.audience

    @property
    def actor(self) -> str:
        """Name of who asks, for what is written down of his doings."""
        name: str = self.request.scope[ACTOR_KEY]
        return name

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The building blocks of the server."""
        blocks: tuple[Block, ...] = self.request.app.state.blocks
        return blocks

    @property
    def runs(self) -> Pool:
        """Processes that run, and their jobs."""
        pool: Pool = self.request.app.state.runs
        return pool

    def layer(self) -> LayerSpec:
        """Return the layer that the path names."""
        return self.catalogue.layer(self.request.path_params["layer"])

    def place(self) -> Place:
        """Where the document stands."""
        return Place(self.base, quote(self.request.scope["path"]), self.values)
