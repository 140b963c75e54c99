"""Signatures as Standard Webhooks says: computed here a second time, by the words of the specification."""

import base64
import hashlib
import hmac
import re
import time
from typing import Any

from rooms.signatures import new_secret, sign
from tests.project.tree import ROOT

BODY = b'{"type":"message.posted"}'


def by_the_specification(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret[len("whsec_") :])
    content = b".".join([event_id.encode(), str(timestamp).encode(), body])
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def test_the_example_of_the_specification_comes_out() -> None:
    """The one that the libraries of Standard Webhooks are tested by."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    signed = sign([secret], event_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_secret_signs() -> None:
    secrets = [new_secret(), new_secret()]
    signed = sign(secrets, event_id="evt_1", timestamp=1_700_000_000, body=BODY)
    assert signed.split(" ") == [by_the_specification(secret, "evt_1", 1_700_000_000, BODY) for secret in secrets]


def test_a_secret_has_the_length_that_the_specification_asks_for() -> None:
    assert 24 <= len(base64.b64decode(new_secret().removeprefix("whsec_"))) <= 64
    assert new_secret() != new_secret()


def test_the_example_of_the_documents_takes_what_is_signed_and_nothing_else() -> None:
    page = (ROOT / "docs/bots.md").read_text()
    [example] = re.findall(r"```python\n(import base64\n.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - it is what readers run
    secret, old, now = new_secret(), new_secret(), int(time.time())
    signature = sign([secret, old], event_id="evt_1", timestamp=now, body=BODY)
    headers = {"webhook-id": "evt_1", "webhook-timestamp": str(now), "webhook-signature": signature}
    for one in (secret, old):
        assert names["verify"](one, headers, BODY)
    assert not names["verify"](new_secret(), headers, BODY)
    assert not names["verify"](secret, headers, BODY + b" ")
    assert not names["verify"](secret, headers | {"webhook-id": "evt_2"}, BODY)
    assert not names["verify"](secret, headers | {"webhook-timestamp": str(now - 301)}, BODY)
