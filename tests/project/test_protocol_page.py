"""docs/protocol.md says what the frame classes say."""

from rooms.management.commands.protocol_docs import PAGE, render
from rooms.protocol import COMMANDS, FRAMES


def test_the_protocol_page_is_in_step_with_the_frames() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run `make docs`"


def test_the_protocol_page_has_every_command_and_frame() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [kind for kind in (*COMMANDS, *FRAMES) if f"### `{kind.__struct_config__.tag}`" not in page]
    assert not missing
    assert all(kind.__doc__ for kind in (*COMMANDS, *FRAMES))
