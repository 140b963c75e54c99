"""What every frame of the server has, and how a person is named in them."""

import msgspec


class UserRef(msgspec.Struct, rename="camel", frozen=True):
    id: str
    username: str


class Frame(msgspec.Struct, tag_field="type", rename="camel", kw_only=True, omit_defaults=True):
    """`id` repeats that of the command this frame answers; it is absent otherwise."""

    id: str | None = None
