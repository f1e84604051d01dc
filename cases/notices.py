"""Who is told what, in which words: declared templates become notices for the outbox."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cases.states import State
from layers.city import City
from layers.declaration import read
from layers.errors import OnemapError
from layers.store.notice import Notice
from layers.text import Text

DEFAULT = Path(__file__).parent / "notices.yaml"
# Template of notices for other systems: their body is a document (see `cases.subscriptions`).
TRANSITION = "transition"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "onemap.notice")
# What templates may name.
FIELDS = frozenset({"case", "matter", "place", "time", "due", "why", "who", "unit"})
_FIELD = re.compile(r"\{([a-z_]*)\}")
_ENV = r"^[A-Z][A-Z0-9_]{2,60}$"
_ID = r"^[a-z][a-z0-9_]{0,40}$"


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InboxChannel(_Declared):
    """The embedded inbox: accounts read it on their pages."""

    id: str = Field(pattern=_ID)
    kind: Literal["inbox"]


class HttpChannel(_Declared):
    """A gateway for short messages, or another system's webhook.

    Attributes
    ----------
    url : https, or http on this machine.
    secret_env : environment variable of the bearer token (sms) or the signing secret (webhook).
    """

    id: str = Field(pattern=_ID)
    kind: Literal["sms", "webhook"]
    url: str = Field(pattern=r"^(https://|http://(127\.0\.0\.1|localhost|\[::1\])(:|/)).+")
    secret_env: str | None = Field(default=None, pattern=_ENV)
    timeout_s: float = Field(default=10, gt=0, le=120)


class MailChannel(_Declared):
    """A server for e-mail (SMTP)."""

    id: str = Field(pattern=_ID)
    kind: Literal["mail"]
    host: str
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")
    user_env: str | None = Field(default=None, pattern=_ENV)
    secret_env: str | None = Field(default=None, pattern=_ENV)
    timeout_s: float = Field(default=20, gt=0, le=120)


class MqttChannel(_Declared):
    """A broker; a notice goes to ``topic/recipient``."""

    id: str = Field(pattern=_ID)
    kind: Literal["mqtt"]
    host: str
    port: int = Field(default=1883, ge=1, le=65535)
    tls: bool = False
    topic: str = Field(pattern=r"^[^#+\s]+$")
    user_env: str | None = Field(default=None, pattern=_ENV)
    secret_env: str | None = Field(default=None, pattern=_ENV)
    timeout_s: float = Field(default=10, gt=0, le=120)


Channel = Annotated[
    InboxChannel | HttpChannel | MailChannel | MqttChannel, Field(discriminator="kind")
]


class Retry(_Declared):
    """When an attempt in vain is repeated; after ``attempts`` not any more."""

    first_s: float = Field(gt=0)
    longest_s: float = Field(gt=0)
    attempts: int = Field(ge=1, le=1000)


class Template(_Declared):
    """Words of one kind of notice; ``{place}`` and other fields are filled in."""

    subject: Text
    body: Text

    @model_validator(mode="after")
    def _known_fields(self) -> Template:
        for text in (self.subject.en, self.subject.zh, self.body.en, self.body.zh):
            for name in _FIELD.findall(text):
                if name not in FIELDS:
                    raise ValueError(
                        f"no field '{{{name}}}'; there are {', '.join(sorted(FIELDS))}"
                    )
        return self


class Subscription(_Declared):
    """Another system that is told of cases (see `cases.subscriptions`); empty filters let all pass.

    Attributes
    ----------
    channel : id of a webhook.
    event_types : beginnings of codes.
    departments : one of which handles the case.
    states : after the step.
    unit : in whose subtree the case lies.
    """

    id: str = Field(pattern=_ID)
    channel: str
    event_types: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    unit: str | None = None


class NoticeDeclaration(_Declared):
    """How a city tells people, and other systems (``notices.yaml``)."""

    channels: tuple[Channel, ...] = Field(min_length=1)
    retry: Retry
    templates: dict[str, Template]
    subscriptions: tuple[Subscription, ...] = ()

    @property
    def inbox(self) -> str | None:
        """Id of the channel that accounts read on their pages, None where a city has none."""
        return next((one.id for one in self.channels if isinstance(one, InboxChannel)), None)

    @model_validator(mode="after")
    def _sound(self) -> NoticeDeclaration:
        ids = [channel.id for channel in self.channels]
        if len(set(ids)) < len(ids):
            raise ValueError("two channels have the same id")
        names = [one.id for one in self.subscriptions]
        if len(set(names)) < len(names):
            raise ValueError("two subscriptions have the same id")
        hooks = {channel.id for channel in self.channels if channel.kind == "webhook"}
        for one in self.subscriptions:
            if one.channel not in hooks:
                raise ValueError(f"'{one.channel}' of subscription '{one.id}' is no webhook")
        return self


class UnknownTemplateError(OnemapError):
    """No words are declared for a kind of notice."""


@lru_cache(maxsize=16)
def read_notices(city: City) -> NoticeDeclaration:
    """Read how a city tells people, the defaults where it says nothing.

    Raises
    ------
    DeclarationError
        naming file, line and field of what does not fit.
    """
    own = city.folder / "notices.yaml"
    default = read(DEFAULT).into(NoticeDeclaration)
    if not own.exists():
        return default
    declaration = read(own)
    declared = declaration.into(NoticeDeclaration)
    # Words that a city says nothing of are those of everybody: no step goes without its own.
    declared = declared.model_copy(update={"templates": default.templates | declared.templates})
    for number, one in enumerate(declared.subscriptions):
        at = ("subscriptions", number)
        if one.unit is not None and one.unit not in city.jurisdictions:
            raise declaration.error((*at, "unit"), f"no unit '{one.unit}' in jurisdictions.yaml")
        for place, name in enumerate(one.departments):
            if name not in city.departments:
                reason = f"no department '{name}' in city.yaml"
                raise declaration.error((*at, "departments", place), reason)
    return declared


def compose(
    declared: NoticeDeclaration,
    template: str,
    *,
    channel: str,
    recipient: str,
    about: str,
    occasion: str,
    fields: Mapping[str, Text | str],
    language: str | None,
    at: datetime,
) -> Notice:
    """Make a notice.

    Parameters
    ----------
    template : id of the words.
    channel : id of the way; recipient : whom, as the channel names people.
    about : id of the case; ``occasion`` tells this notice from others about it, such as the number
        of the entry in its log: the same occasion, template, way and recipient is the same notice.
    fields : values of what templates name; those that are missing are left out.
    language : ``zh`` or ``en``; None for both, one after the other.
    at : the clock (aware).

    Raises
    ------
    UnknownTemplateError
        where no such words are declared.
    """
    words = declared.templates.get(template)
    if words is None:
        known = ", ".join(sorted(declared.templates))
        raise UnknownTemplateError(f"no notice '{template}' is declared; there are {known}")

    def fill(text: Text, between: str) -> str:
        tags = [language] if language else ["zh", "en"]
        said = [_filled(text, tag, fields) for tag in tags]
        return between.join(dict.fromkeys(one for one in said if one))

    key = uuid.uuid5(NAMESPACE, "\n".join((about, occasion, template, channel, recipient)))
    return Notice(
        key=str(key),
        channel=channel,
        recipient=recipient,
        about=about,
        template=template,
        subject=fill(words.subject, " / "),
        body=fill(words.body, "\n\n"),
        created=at,
        due=at,
    )


def _filled(words: Text, language: str, fields: Mapping[str, Text | str]) -> str:
    """Words in a language, with the fields that they name."""

    def value(match: re.Match[str]) -> str:
        found = fields.get(match[1], "")
        return found.say(language) if isinstance(found, Text) else found

    return _FIELD.sub(value, words.say(language)).strip()
