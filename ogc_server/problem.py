"""Refusals that a client sees, in the exception form of OGC API – Common."""

from __future__ import annotations

from typing import Any

MEDIA_TYPE = "application/problem+json"
_LONGEST = 2000


class RequestError(Exception):
    """A request that is refused.

    Parameters
    ----------
    status : HTTP status.
    code : OGC exception code, such as ``InvalidParameterValue`` or ``NotFound``.
    description : what was found and what was expected.
    parameter : name of the query parameter at fault, or None.
    kind : URI of the kind of problem, where a standard defines one.
    """

    def __init__(
        self,
        status: int,
        code: str,
        description: str,
        parameter: str | None = None,
        kind: str = "about:blank",
    ) -> None:
        self.status, self.code, self.kind = status, code, kind
        self.description, self.parameter = _short(description), parameter
        super().__init__(description)

    def document(self) -> dict[str, Any]:
        """JSON members: ``code`` and ``description`` (OGC 17-069r4).

        With those of RFC 9457 beside.
        """
        answer: dict[str, Any] = {
            "type": self.kind,
            "title": self.code,
            "status": self.status,
            "detail": self.description,
            "code": self.code,
            "description": self.description,
        }
        if self.parameter is not None:
            answer["parameter"] = self.parameter
        return answer


def _short(text: str) -> str:
    """Keep an answer from giving back all of a very long question."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def bad_parameter(name: str, reason: str) -> RequestError:
    """Refuse a query parameter (400): ``reason`` says what was found and what was expected."""
    return RequestError(400, "InvalidParameterValue", f"{name}: {reason}", name)


def not_found(what: str) -> RequestError:
    """Refuse a thing that isn't there, or that the reader may not know of (404)."""
    return RequestError(404, "NotFound", f"{what} was not found")
