"""Ways in which notices go out: one file for each, all with one method."""

from __future__ import annotations

from collections.abc import Mapping

from cases.channels.channel import Channel, DeliveryError, Inbox
from cases.channels.http import SmsGateway, Webhook
from cases.channels.mail import Mail
from cases.channels.mqtt import Mqtt
from cases.notices import HttpChannel, InboxChannel, MailChannel, MqttChannel, NoticeDeclaration

__all__ = ["Channel", "DeliveryError", "open_channels"]


def open_channels(
    declared: NoticeDeclaration, environment: Mapping[str, str]
) -> dict[str, Channel]:
    """Make the declared channels by id.

    Parameters
    ----------
    environment : where secrets come from.

    Raises
    ------
    OnemapError
        naming a variable that a channel needs and that is not set.
    """
    found: dict[str, Channel] = {}
    for one in declared.channels:
        if isinstance(one, InboxChannel):
            found[one.id] = Inbox()
        elif isinstance(one, HttpChannel):
            make = SmsGateway if one.kind == "sms" else Webhook
            found[one.id] = make(one, environment)
        elif isinstance(one, MailChannel):
            found[one.id] = Mail(one, environment)
        else:
            assert isinstance(one, MqttChannel)
            found[one.id] = Mqtt(one, environment)
    return found
