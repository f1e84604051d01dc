"""Notices to an MQTT broker."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cases.channels.channel import Channel, DeliveryError, secret
from cases.notices import MqttChannel
from layers.store.notice import Notice

# The broker answers for having it (at least once).
_QOS = 1


class Mqtt(Channel):
    """A broker; a notice is JSON on ``topic/recipient``."""

    def __init__(self, declared: MqttChannel, environment: Mapping[str, str]) -> None:
        self._declared = declared
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        user = secret(environment, declared.user_env)
        if user is not None:
            self._client.username_pw_set(user, secret(environment, declared.secret_env))
        if declared.tls:
            self._client.tls_set()
        self._started = False

    def send(self, notice: Notice) -> None:
        """See `Channel.send`."""
        if {"+", "#", "\x00"} & set(notice.recipient):
            raise DeliveryError("a recipient can't have + or # in its topic", for_good=True)
        content = {"key": notice.key, "case": notice.about, "template": notice.template}
        content |= {"subject": notice.subject, "body": notice.body}
        try:
            if not self._started:
                self._client.connect(self._declared.host, self._declared.port)
                self._client.loop_start()
                self._started = True
            topic = f"{self._declared.topic}/{notice.recipient}"
            told = self._client.publish(topic, orjson.dumps(content), qos=_QOS)
            told.wait_for_publish(self._declared.timeout_s)
        except (OSError, ValueError, RuntimeError) as failure:
            raise DeliveryError(f"{type(failure).__name__}: {failure}") from failure
        if not told.is_published():
            raise DeliveryError(f"the broker did not answer in {self._declared.timeout_s:g} s")

    def close(self) -> None:
        """See `Channel.close`."""
        if self._started:
            self._client.disconnect()
            self._client.loop_stop()
