"""What was noted of rights that changed, for whoever missed its announcement."""

from django.db import models


class RightsChange(models.Model):
    """When a user's rights were last changed: one row a user, without a tie to them, so that it outlives them.

    Processes learn of a change at once over the channel layer; whoever missed that finds it here.
    """

    user_key = models.CharField(primary_key=True, max_length=255)
    at = models.DateTimeField(db_index=True)
    disconnects = models.PositiveIntegerField(default=0)  # how often all their connections were ended

    def __str__(self) -> str:
        return f"{self.user_key} · {self.at:%Y-%m-%d %H:%M}"


class EndedSession(models.Model):
    """A browser's session that was signed out: no socket opens with its cookie any more.

    Not every session engine can say so: signed cookies are good until they expire. `until` is when they have.
    """

    id = models.UUIDField(primary_key=True)
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.id} · {self.until:%Y-%m-%d %H:%M}"
