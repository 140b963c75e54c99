"""The end of a simulated world: what its clients know and what is counted, held against the database."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rooms.models import BulkDeletion, Message, Room
from tests.simulation.client import Client

if TYPE_CHECKING:
    from tests.simulation.world import World


def differences(world: "World") -> Iterator[str]:
    """Every difference, in words; none when all have converged."""
    for room in Room.objects.all():
        texts = _texts(room)
        yield from _holes(room, list(texts), world.changes.get(room.name, set()))
        for client in world.clients:
            if room.name in client.joined:
                yield from _ignorance(client, room, texts)
        yield from _miscounted(world, room)
    rooms = set(Room.objects.values_list("name", flat=True))
    for client in world.clients:
        yield from _lost(client)
        yield from (f"{client.name} is in {name}, which is gone" for name in client.joined if name not in rooms)


def _texts(room: Room) -> dict[int, str | None]:
    rows = room.messages.order_by("seq").values_list("seq", "content", "deleted_at")
    return {seq: None if deleted_at else content for seq, content, deleted_at in rows}


def _holes(room: Room, seqs: list[int], changes: set[int]) -> Iterator[str]:
    bulk = BulkDeletion.objects.filter(room=room).values_list("changed_seq", flat=True)
    if sorted([*seqs, *changes, *bulk]) != list(range(1, room.last_seq + 1)):
        yield f"{room} stands at {room.last_seq} with messages at {seqs} and changes at {sorted(changes)}"


def _ignorance(client: Client, room: Room, texts: dict[int, str | None]) -> Iterator[str]:
    log = client.logs[room.name]
    if log.position != room.last_seq:
        yield f"{client.name} is at {log.position} of {room}, which stands at {room.last_seq}"
    known = {seq: text for seq, text in log.texts.items() if text is not None}
    stored = {seq: text for seq, text in texts.items() if text is not None and seq >= log.floor}
    if known != stored:
        wrong = sorted(seq for seq in known.keys() | stored.keys() if known.get(seq) != stored.get(seq))
        yield f"{client.name} is wrong about the messages {wrong} of {room}"


def _miscounted(world: "World", room: Room) -> Iterator[str]:
    counted = {user for share in world.shares for user in share.places.get(room.pk, ())}
    there = {str(client.user_id) for client in world.clients if room.name in client.joined}
    perhaps = {str(client.user_id) for client in world.clients if room.name in client.doubtful}
    if not there <= counted <= there | perhaps:
        yield f"the users {counted} are counted in {room}, and {there} are there"


def _lost(client: Client) -> Iterator[str]:
    for client_id, answer in client.acked.items():
        found = Message.objects.filter(author=client.user_id, client_id=client_id).select_related("room")
        stored = [(message.room.name, message.seq, str(message.pk)) for message in found]
        if stored != [answer]:
            yield f"{client_id} was acknowledged as {answer} and is stored as {stored}"
