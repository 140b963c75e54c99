"""How far the search knows each room. The words themselves are in a table of the database's own kind: rooms.storage."""

from django.db import models

from rooms.models.rooms import Room


class IndexedRoom(models.Model):
    """The changes of this room up to `seq` are in the search."""

    room = models.OneToOneField(Room, on_delete=models.CASCADE, primary_key=True, related_name="indexed")
    seq = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.room} #{self.seq}"
