"""Why something was not done to a case, one meaning each, said in English and in Chinese."""

from __future__ import annotations

from datetime import datetime

from layers.errors import OnemapError
from layers.text import Text


class CaseError(OnemapError):
    """Something was not done to a case; nothing has changed.

    Attributes
    ----------
    text : why, for people.
    """

    def __init__(self, text: Text) -> None:
        self.text = text
        super().__init__(text.en)


class UnknownCaseError(CaseError):
    """There is no such case among those that who asks may see."""

    def __init__(self, case: str) -> None:
        self.case = case
        super().__init__(Text(en=f"there is no case '{case}'", zh=f"没有编号为“{case}”的工单"))


class TransitionError(CaseError):
    """The process has no such step from the state in which the case is."""


class NotAllowedError(CaseError):
    """Who acts lacks the right, the level, the unit, the department or the assignment."""


class IncompleteError(CaseError):
    """What the action needs was not given, or not in a form that can be kept.

    Attributes
    ----------
    field : what is meant: ``why``, ``where``, ``photos``, ``department`` …
    """

    def __init__(self, field: str, text: Text) -> None:
        self.field = field
        super().__init__(text)


class ConflictError(CaseError):
    """Somebody else was faster.

    Attributes
    ----------
    actor, action, at : who did what last, and when.
    version : of the case now.
    """

    def __init__(self, actor: str, action: str, at: datetime, version: int, title: Text) -> None:
        self.actor, self.action, self.at, self.version = actor, action, at, version
        moment = f"{at:%Y-%m-%d %H:%M:%S}Z"
        super().__init__(
            Text(
                en=f"{actor} was faster: {title.en}, {moment}; the case is at version {version}",
                zh=f"{actor}已先行操作：{title.zh}，{moment}；工单现为第{version}版",
            )
        )


class KeyReusedError(CaseError):
    """The idempotency key was used before, for something else."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            Text(
                en=f"the key '{key}' was used before for another action",
                zh=f"幂等键“{key}”已用于其他操作",
            )
        )
