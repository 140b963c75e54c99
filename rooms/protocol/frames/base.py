"""What every frame of the server has, and how a person is named in them."""

import msgspec

DELETED_USER = "deleted user"  # what stands where a name was; clients may say it in the reader's language


class UserRef(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """`avatar` is the address of a picture, where the site has pictures."""

    id: str
    username: str
    avatar: str | None = None


class Frame(msgspec.Struct, tag_field="type", rename="camel", kw_only=True, omit_defaults=True):
    """`id` repeats that of the command this frame answers; it is absent otherwise."""

    id: str | None = None
