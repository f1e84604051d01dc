"""What is refused about cases, as problem details (RFC 9457) with the words in both languages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cases import refusals
from layers.text import Text
from ogc_server.access.sign_in import CHALLENGE
from ogc_server.answers import problem_answer
from ogc_server.asked import Asked
from ogc_server.block import Endpoint
from ogc_server.doors import run
from ogc_server.problem import RequestError
from ogc_server.times import write_instant

_KIND = "urn:onemap:case:"
# Status and short name by kind of refusal.
_KINDS: tuple[tuple[type[refusals.CaseError], int, str], ...] = (
    (refusals.UnknownCaseError, 404, "unknown"),
    (refusals.NotAllowedError, 403, "not-allowed"),
    (refusals.ConflictError, 409, "conflict"),
    (refusals.TransitionError, 409, "not-possible"),
    (refusals.IncompleteError, 422, "incomplete"),
    (refusals.KeyReusedError, 422, "key-reused"),
)


class CaseProblemError(RequestError):
    """A refusal with words in both languages and what a program needs to go on.

    Parameters
    ----------
    name : end of the URI of its kind.
    more : further members of the document.
    """

    def __init__(self, status: int, name: str, text: Text, language: str, **more: Any) -> None:
        code = "".join(part.capitalize() for part in name.split("-"))
        super().__init__(status, code, text.say(language), more.get("field"), _KIND + name)
        self._more = {"texts": {"en": text.en, "zh": text.zh}} | more

    def document(self) -> dict[str, Any]:
        """See `RequestError.document`."""
        return super().document() | self._more


def problem_of(error: refusals.CaseError, language: str) -> CaseProblemError:
    """Return the refusal that a client is told."""
    status, name = next((status, name) for kind, status, name in _KINDS if isinstance(error, kind))
    more: dict[str, Any] = {}
    if isinstance(error, refusals.IncompleteError):
        more = {"field": error.field}
    elif isinstance(error, refusals.ConflictError):
        more = {
            "actor": error.actor,
            "action": error.action,
            "at": write_instant(error.at),
            "version": error.version,
        }
    return CaseProblemError(status, name, error.text, language, **more)


def told(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """Answer refusals of cases as problems, and ask for a name where one is needed."""

    async def answer(request: Request) -> Response:
        try:
            return await run(endpoint, request)
        except refusals.CaseError as error:
            raise problem_of(error, Asked(request, ("json",)).language) from error
        except RequestError as error:
            if error.status != 401:
                raise
            refused = problem_answer(error)
            refused.headers["WWW-Authenticate"] = CHALLENGE
            return refused

    return answer
