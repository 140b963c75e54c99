"""The examples in deploy/ give the chat the time and the descriptors that its own defaults need."""

import re

from chatsite.server import GRACE_S
from rooms.conf import conf
from rooms.live.node import DISCONNECT_S
from tests.support.servers import PROJECT


def _number(path: str, pattern: str) -> int:
    [value] = re.findall(pattern, (PROJECT / "deploy" / path).read_text(), re.MULTILINE)
    return int(value)


def test_systemd_waits_until_leave_is_taken() -> None:
    stop_s = _number("systemd/chat@.service", r"^TimeoutStopSec=(\d+)$")
    assert stop_s > conf.CHAT_DRAIN_S + DISCONNECT_S + GRACE_S


def test_systemd_grants_a_descriptor_for_each_socket() -> None:
    descriptors = _number("systemd/chat@.service", r"^LimitNOFILE=(\d+)$")
    assert descriptors > conf.CHAT_MAX_CONNECTIONS * 1.1


def test_nginx_waits_longer_for_a_silent_socket_than_the_chat() -> None:
    for name in ("read", "send"):
        assert _number("nginx/chat.conf", rf"^ *proxy_{name}_timeout (\d+)s;") > 2 * conf.CHAT_HEARTBEAT_S
