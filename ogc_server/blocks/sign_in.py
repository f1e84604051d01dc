"""``/sign-in``: where a browser asks for name and app password, and who one is."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from layers.access import PUBLIC
from ogc_server.access.sign_in import CHALLENGE
from ogc_server.answers import data_answer
from ogc_server.asked import Asked
from ogc_server.block import Block, Door
from ogc_server.features import JSON
from ogc_server.problem import RequestError


def who(request: Request) -> Response:
    """Tell a reader who he is; a browser that comes without a name is asked for one.

    A person who has signed in goes on to the start page.
    """
    asked = Asked(request, ("json", "html"))
    asked.refuse_parameters()
    if asked.audience == PUBLIC:
        refusal = RequestError(401, "Unauthorized", "sign in with an account and its app password")
        answer = data_answer(refusal.document(), JSON)
        answer.status_code = 401
        answer.headers["WWW-Authenticate"] = CHALLENGE
        return answer
    if asked.format == "html":
        return RedirectResponse(f"{asked.base}/?f=html&lang={asked.language}", 303)
    return data_answer(
        {
            "name": asked.actor,
            "sees": sorted(asked.audience.sensitivities),
            "units": asked.audience.scope.jurisdictions,
            "departments": asked.audience.scope.departments,
            "rights": sorted(asked.audience.rights),
        },
        JSON,
    )


BLOCK = Block(name="sign-in", doors=(Door("/sign-in", {"GET": who}),))
