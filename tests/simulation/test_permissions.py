"""Whatever people try in whatever order: nobody receives what they may not read, or changes what they may not change.

Each run is made from a seed. SIMULATION_SEED is the first one and PERMISSION_STEPS the number of commands that are
tried in all; `make soak` tries 20,000 with seeds that nobody has seen.
"""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from rooms.services.rooms import create_room
from tests.simulation.permissions import PEOPLE, Trial

FIRST_SEED = int(os.environ.get("SIMULATION_SEED", "1"))
STEPS = int(os.environ.get("PERMISSION_STEPS", "400"))
STEPS_OF_ONE_RUN, RUNS_OF_ONE_TEST = 50, 4
TESTS = max(1, STEPS // (STEPS_OF_ONE_RUN * RUNS_OF_ONE_TEST))
pytestmark = pytest.mark.timeout(600)  # real seconds say nothing here, but how busy the machine is
people, machines = st.sampled_from(PEOPLE), st.sampled_from([0, 1])
rooms = st.sampled_from(["open", "den", "attic"])
ACTS = [
    *({"action": action} for action in ("kick", "unmute", "unban", "remove")),
    *({"action": action, "minutes": 5} for action in ("mute", "ban")),
    *({"action": "role", "role": role} for role in ("owner", "moderator", "member")),
]
LIFTED = {"CHAT_HEADS_INTERVAL_S": 600, "CHAT_PRESENCE_LEASE_S": 600}


def permissions(template: Path, found: Counter[str]) -> type[RuleBasedStateMachine]:  # noqa: C901 - a list of commands
    class Permissions(RuleBasedStateMachine):
        """Bob owns a public and a private room; carol is a member of the private one."""

        @initialize(dice=st.integers(0, 1_000))
        def begin(self, dice: int) -> None:
            self.folder = tempfile.TemporaryDirectory()
            path = shutil.copyfile(template, Path(self.folder.name) / "chat.sqlite3")
            self.trial = Trial(dice, f"sqlite:///{path}")
            self.trial.open(LIFTED)
            self.trial.call("bob", "makes a room", lambda actor: create_room(user_id=actor.user_id, name="open"))
            private = {"name": "den", "kind": "private"}
            self.trial.call("bob", "makes a room", lambda actor: create_room(user_id=actor.user_id, **private))
            self.send("bob", 0, "invite", roomId="den", username="carol")
            for person in ("ana", "bob", "carol"):
                self.send(person, 0, "join-room", roomId="open")
            for person in ("bob", "carol"):
                self.send(person, 1, "join-room", roomId="den")
                self.send(person, 1, "chat-message", roomId="den", content="between us")

        def teardown(self) -> None:
            if hasattr(self, "trial"):
                found.update(self.trial.changed)
                self.trial.close()
                self.folder.cleanup()

        def send(self, person: str, machine: int, kind: str, **fields: Any) -> list[dict[str, Any]]:
            answers = self.trial.act(person, machine, {"type": kind, **fields})
            assert not self.trial.faults, "\n".join(self.trial.faults)
            return answers

        @rule(person=people, machine=machines, room=rooms, kind=st.sampled_from(["join-room", "leave-room"]))
        def come_and_go(self, person: str, machine: int, room: str, kind: str) -> None:
            self.send(person, machine, kind, roomId=room)

        @rule(person=people, machine=machines, room=rooms, after=st.none() | st.integers(0, 5))
        def resume(self, person: str, machine: int, room: str, after: int | None) -> None:
            self.send(person, machine, "join-room", roomId=room, **({} if after is None else {"after": after}))

        @rule(person=people, machine=machines, room=rooms)
        def post(self, person: str, machine: int, room: str) -> None:
            self.send(person, machine, "chat-message", roomId=room, content=f"of {person}")

        @rule(
            person=people,
            machine=machines,
            room=rooms,
            kind=st.sampled_from(["get-history", "get-rooms", "get-members", "get-online-users", "create-room"]),
        )
        def look(self, person: str, machine: int, room: str, kind: str) -> None:
            self.send(person, machine, kind, roomId=room)

        @rule(person=people, machine=machines, room=rooms, kind=st.sampled_from(["follow-room", "unfollow-room"]))
        def follow(self, person: str, machine: int, room: str, kind: str) -> None:
            self.send(person, machine, kind, roomId=room)

        @rule(person=people, machine=machines, room=rooms, whom=people)
        def invite(self, person: str, machine: int, room: str, whom: str) -> None:
            self.send(person, machine, "invite", roomId=room, username=whom)

        @rule(person=people, machine=machines, room=rooms, whom=people)
        def hand_an_invitation_on(self, person: str, machine: int, room: str, whom: str) -> None:
            answers = self.send(person, machine, "create-invitation", roomId=room, uses=1)
            for invitation in [frame for frame in answers if frame["type"] == "invitation"]:
                self.send(whom, machine, "accept-invitation", code=invitation["code"])

        @rule(
            person=people,
            machine=machines,
            room=rooms,
            whom=people,
            act=st.sampled_from(ACTS),
        )
        def moderate(self, person: str, machine: int, room: str, whom: str, act: dict[str, Any]) -> None:
            self.send(person, machine, "moderate", roomId=room, username=whom, **act)

        @rule(
            person=people,
            machine=machines,
            room=rooms,
            fields=st.sampled_from(
                [{"title": "A"}, {"topic": "B"}, {"locked": True}, {"locked": False}, {"history": "joined"}]
            ),
        )
        def update(self, person: str, machine: int, room: str, fields: dict[str, Any]) -> None:
            self.send(person, machine, "update-room", roomId=room, **fields)

        @rule(person=people, machine=machines, room=rooms, on=st.booleans())
        def close(self, person: str, machine: int, room: str, on: bool) -> None:
            self.send(person, machine, "close-room", roomId=room, on=on)

        @rule(person=people, machine=machines, room=rooms, n=st.integers(0, 20))
        def delete(self, person: str, machine: int, room: str, n: int) -> None:
            self.send(person, machine, "delete-message", roomId=room, messageId=self.trial.some_message(n))

        @rule(person=people, machine=machines, room=rooms, whom=people)
        def delete_all(self, person: str, machine: int, room: str, whom: str) -> None:
            self.send(person, machine, "delete-messages", roomId=room, username=whom)

    return Permissions


@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + TESTS))
def test_nobody_receives_or_changes_what_they_may_not(
    first: int, request: pytest.FixtureRequest, django_db_blocker: Any, record_property: Any
) -> None:
    found: Counter[str] = Counter()
    machine = seed(first)(permissions(request.getfixturevalue("_sqlite_template"), found))
    with django_db_blocker.unblock():
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=RUNS_OF_ONE_TEST,
                stateful_step_count=STEPS_OF_ONE_RUN,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    record_property("permissions", dict(found))
    assert found["message"]
    assert found["role"]
