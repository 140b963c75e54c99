"""rooms.testing: a client for a project's tests, in their transaction, whose waits all end."""

import pytest

from rooms.models import Message

pytest_plugins = ()


def test_hello(chat_client, people) -> None:
    with chat_client(people.alice) as chat:
        chat.join("general")
        chat.send("chat-message", roomId="general", content="hi", id="1")
        assert chat.expect("ack")["seq"] == 1
        assert Message.objects.get().content == "hi"
    with chat_client(people.alice) as chat:
        chat.join("general")
        with pytest.raises(AssertionError) as e:
            chat.expect("foo", timeout=0.2)
        print(e.value)
