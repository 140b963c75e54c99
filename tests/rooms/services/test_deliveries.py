"""What outgoing webhooks are sent: each event of the room's stream in order, until it is delivered or given up."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.utils import timezone

from rooms.callers import CODE, Actor
from rooms.models import Membership, Message, OutgoingWebhook, Room
from rooms.outbound import Outcome
from rooms.services import changes, deletions, deliveries, outgoing_webhooks, reactions, rooms
from rooms.services.deliveries import DELAYS_S, Delivery
from rooms.services.outgoing_webhooks import Events
from rooms.services.posting import post_messages
from tests.rooms.test_signatures import by_the_specification
from tests.support.rooms import Run, World, Writers

ok, down = Outcome(204), Outcome(503, "answered with 503")
DAY = timedelta(days=1)
on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(timezone.now(), tick=False) as found:
        yield found


def make(world: World, **fields: Any) -> OutgoingWebhook:
    Membership.objects.update_or_create(room=world.room, user=world.alice, defaults={"role": "owner"})
    made = outgoing_webhooks.create(
        actor=Actor(world.alice.pk), name="lobby", title="receiver", url="https://example.com/hook", **fields
    )
    return made.webhook


def say(world: World, *texts: str) -> list[int]:
    return [message.id for message in post_messages([world.new(text) for text in texts])]


def sent(webhook: OutgoingWebhook, outcome: Outcome = ok, limit: int = 100) -> list[Any]:
    """All that a receiver gets who answers with this: one event after the other."""
    found = []
    while len(found) < limit and (delivery := deliveries.claim(webhook_id=webhook.pk)) is not None:
        found.append(json.loads(delivery.body))
        deliveries.settle(delivery=delivery, outcome=outcome)
    return found


def told(events: list[Any]) -> list[tuple[str, str]]:
    return [(event["type"], event["data"].get("content", event["data"].get("messageId"))) for event in events]


def claimed(webhook: OutgoingWebhook) -> Delivery:
    found = deliveries.claim(webhook_id=webhook.pk)
    assert found is not None
    return found


# --- What is sent -----------------------------------------------------------------------------------------------------
def test_all_that_happens_is_sent_once_in_its_order(run: Run, world: World) -> None:
    run(say, world, "before it was made")
    webhook = run(make, world)
    first, second = run(say, world, "one", "two")
    assert told(run(sent, webhook)) == [("message.posted", "one"), ("message.posted", "two")]
    run(lambda: changes.edit_message(message_id=first, content="one, edited"))
    run(lambda: reactions.react(actor=Actor(world.bob.pk), name="lobby", message_id=str(first), emoji="👍", on=True))
    run(say, world, "three")
    run(lambda: changes.delete_message(message_id=second))
    expected = [("message.edited", "one, edited"), ("message.posted", "three"), ("message.deleted", str(second))]
    assert told(run(sent, webhook)) == expected
    assert run(sent, webhook) == []


@on_sqlite
def test_a_change_after_a_change_is_no_hole(run: Run, world: World) -> None:
    """A message that has moved on in the stream is sent at the place of each of its events, as it is now."""
    webhook = run(make, world)
    first, second = run(say, world, "one", "two")
    for key, text in ((second, "two, edited"), (first, "one, edited"), (second, "two, twice")):
        run(lambda key=key, text=text: changes.edit_message(message_id=key, content=text))
    assert told(run(sent, webhook)) == [
        ("message.posted", "one, edited"),
        ("message.posted", "two, twice"),
        ("message.edited", "one, edited"),
        ("message.edited", "two, twice"),
    ]


@on_sqlite
def test_of_what_was_deleted_before_it_was_sent_no_text_goes_out(run: Run, world: World) -> None:
    webhook = run(make, world)
    [key] = run(say, world, "a secret")
    run(lambda: changes.edit_message(message_id=key, content="a secret, edited"))
    delivery = run(claimed, webhook)
    run(lambda: deliveries.settle(delivery=delivery, outcome=down))
    run(lambda: changes.delete_message(message_id=key))
    run(lambda: OutgoingWebhook.objects.update(next_attempt_at=timezone.now()))
    events = run(sent, webhook)
    assert told(events) == [("message.deleted", str(key))]
    assert "secret" not in str(events)


@on_sqlite
def test_many_deleted_at_once_are_one_event(run: Run, world: World) -> None:
    webhook = run(make, world)
    keys = run(say, world, "one", "two")
    run(sent, webhook)
    ids = [str(key) for key in keys]
    run(lambda: deletions.delete_messages(actor=Actor(world.alice.pk), name="lobby", message_ids=ids))
    [event] = run(sent, webhook)
    assert (event["type"], sorted(event["data"]["messageIds"])) == ("messages.deleted", sorted(ids))


@on_sqlite
@pytest.mark.parametrize(
    ("events", "kinds"),
    [
        (Events(edited=False, deleted=False), ["message.posted"]),
        (Events(posted=False, deleted=False), ["message.edited"]),
        (Events(posted=False, edited=False), ["message.deleted"]),
        (Events(False, False, False), []),
    ],
)
def test_a_webhook_is_sent_what_it_is_for(run: Run, world: World, events: Events, kinds: list[str]) -> None:
    webhook = run(make, world, events=events)
    first, second = run(say, world, "one", "two")
    run(lambda: changes.edit_message(message_id=first, content="edited"))
    run(lambda: changes.delete_message(message_id=second))
    assert sorted({event["type"] for event in run(sent, webhook)}) == kinds
    assert run(deliveries.rooms_with_webhooks) == {world.room.pk: 0}


@on_sqlite
def test_an_event_is_the_message_as_clients_receive_it_signed(run: Run, world: World) -> None:
    webhook = run(make, world)
    [key] = run(say, world, "hello")
    delivery = run(claimed, webhook)
    event, headers = json.loads(delivery.body), delivery.headers
    assert event["data"]["user"] == {"id": str(world.alice.pk), "username": "alice"}
    assert (event["data"]["messageId"], event["data"]["roomId"]) == (str(key), "lobby")
    assert headers["content-type"] == "application/json"
    signed = (headers["webhook-id"], int(headers["webhook-timestamp"]), delivery.body)
    assert headers["webhook-signature"] == by_the_specification(webhook.secret, *signed)


@on_sqlite
def test_after_a_rotation_both_secrets_sign_for_a_while(run: Run, world: World, clock: Any) -> None:
    webhook = run(make, world)
    run(lambda: outgoing_webhooks.rotate(actor=Actor(world.alice.pk), name="lobby", webhook_id=webhook.pk))
    today = run(OutgoingWebhook.objects.get)
    run(say, world, "hello")
    delivery = run(claimed, webhook)
    headers = delivery.headers
    signed = (headers["webhook-id"], int(headers["webhook-timestamp"]), delivery.body)
    expected = [by_the_specification(secret, *signed) for secret in (today.secret, webhook.secret)]
    assert headers["webhook-signature"].split(" ") == expected
    clock.shift(timedelta(hours=24))
    assert len(run(claimed, webhook).headers["webhook-signature"].split(" ")) == 1


# --- Attempts ---------------------------------------------------------------------------------------------------------
@on_sqlite
def test_an_attempt_that_fails_is_repeated_later_under_the_same_id(run: Run, world: World, clock: Any) -> None:
    webhook = run(make, world)
    run(say, world, "one", "two")
    ids, bodies = [], []
    for delay_s in (*DELAYS_S, 0):
        delivery = run(claimed, webhook)
        ids.append(delivery.headers["webhook-id"])
        bodies.append(json.loads(delivery.body)["data"]["content"])
        result = run(lambda delivery=delivery: deliveries.settle(delivery=delivery, outcome=down))
        assert result == ("failed" if delay_s else "dropped")
        if delay_s:
            clock.shift(timedelta(seconds=delay_s * 0.79))
            assert run(deliveries.due) == []
            assert run(lambda: deliveries.claim(webhook_id=webhook.pk)) is None
            clock.shift(timedelta(seconds=delay_s * 0.42))
            assert run(deliveries.due) == [webhook.pk]
    assert set(bodies) == {"one"}
    assert len(set(ids)) == 1
    delivery = run(claimed, webhook)
    assert (json.loads(delivery.body)["data"]["content"], delivery.headers["webhook-id"] in ids) == ("two", False)
    assert run(OutgoingWebhook.objects.get).attempts == 0


@on_sqlite
def test_one_that_fails_for_days_is_disabled_and_goes_on_where_it_was(
    run: Run, world: World, clock: Any, settings: LazySettings
) -> None:
    settings.CHAT_WEBHOOK_DISABLE_DAYS = 3
    webhook = run(make, world)
    run(say, world, "one")
    for shift, result in ((timedelta(0), "failed"), (3 * DAY - timedelta(seconds=1), "failed"), (DAY, "disabled")):
        clock.shift(shift)
        delivery = run(claimed, webhook)
        assert run(lambda delivery=delivery: deliveries.settle(delivery=delivery, outcome=down)) == result
    clock.shift(30 * DAY)
    assert run(deliveries.due) == []
    assert run(deliveries.rooms_with_webhooks) == {}
    assert run(lambda: deliveries.claim(webhook_id=webhook.pk)) is None
    run(lambda: outgoing_webhooks.enable(actor=Actor(world.alice.pk), name="lobby", webhook_id=webhook.pk))
    assert told(run(sent, webhook)) == [("message.posted", "one")]


@on_sqlite
def test_a_success_ends_the_failing(run: Run, world: World, clock: Any) -> None:
    webhook = run(make, world)
    run(say, world, "one", "two")
    run(sent, webhook, down)
    clock.shift(DAY)
    run(sent, webhook)
    found = run(OutgoingWebhook.objects.get)
    assert (found.failing_since, found.attempts, found.last_error) == (None, 0, "")
    assert found.delivered_at == timezone.now()


@on_sqlite
def test_a_receiver_that_is_gone_is_disabled_at_once(run: Run, world: World) -> None:
    webhook = run(make, world)
    run(say, world, "one")
    delivery = run(claimed, webhook)
    assert run(lambda: deliveries.settle(delivery=delivery, outcome=Outcome(410, "answered with 410"))) == "disabled"
    found = run(OutgoingWebhook.objects.get)
    assert (found.disabled_at is not None, found.last_error) == (True, "answered with 410")


# --- Several processes, and those that die ----------------------------------------------------------------------------
def test_of_processes_that_come_at_once_one_delivers(run: Run, world: World, writers: Writers) -> None:
    webhook = run(make, world)
    run(say, world, "one")
    together = Barrier(4)

    def come(writer: Any) -> Any:
        together.wait(20)
        return writer.run(deliveries.claim, webhook_id=webhook.pk)

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(come, [writers() for _ in range(4)]))
    assert len([delivery for delivery in found if delivery is not None]) == 1


@on_sqlite
def test_after_a_process_died_another_sends_the_same_again(run: Run, world: World, clock: Any) -> None:
    """Whether its receiver got it nobody knows: so it is sent again, under the same id."""
    webhook = run(make, world)
    run(say, world, "one")
    first = run(claimed, webhook)
    assert run(deliveries.due) == []
    clock.shift(timedelta(seconds=31))
    second = run(claimed, webhook)
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert run(lambda: deliveries.settle(delivery=first, outcome=ok)) == "lost", "it was taken over meanwhile"
    assert run(lambda: deliveries.settle(delivery=second, outcome=ok)) == "delivered"
    assert run(sent, webhook) == []


@on_sqlite
def test_a_removed_room_is_silent(run: Run, world: World) -> None:
    webhook = run(make, world)
    run(say, world, "one")
    run(lambda: rooms.remove_room(room_id=world.room.pk))
    assert run(deliveries.due) == []
    assert run(lambda: deliveries.claim(webhook_id=webhook.pk)) is None, "also of a process that is sending its events"
    run(lambda: [None for _ in iter(lambda: rooms.purge(room_id=world.room.pk), False)])
    assert not run(OutgoingWebhook.objects.filter(pk=webhook.pk).exists)


@on_sqlite
def test_one_that_is_deleted_meanwhile_disturbs_nobody(run: Run, world: World) -> None:
    webhook = run(make, world)
    run(say, world, "one")
    delivery = run(claimed, webhook)
    run(lambda: outgoing_webhooks.delete_as_staff(actor=CODE, webhook=OutgoingWebhook.objects.get()))
    assert run(lambda: deliveries.settle(delivery=delivery, outcome=ok)) == "lost"
    assert run(lambda: deliveries.claim(webhook_id=webhook.pk)) is None


@on_sqlite
def test_what_was_pruned_is_passed_over(run: Run, world: World) -> None:
    webhook = run(make, world)
    keys = run(say, world, "one", "two")
    run(lambda: Message.objects.filter(pk=keys[0]).delete())
    assert told(run(sent, webhook)) == [("message.posted", "two")]
    assert run(lambda: Room.objects.get(name="lobby").last_seq) == run(OutgoingWebhook.objects.get).seq
