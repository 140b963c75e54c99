"""One side of a talk: a server with its crowd of clients, and what a message costs there."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles

from benchmarks.crowd import Crowd, Heard, Talk, crowd, enter, talk
from benchmarks.servers import Server


@dataclass
class Side:
    server: Server
    crowd: Crowd
    heard: list[Heard] = field(default_factory=list)
    stores_cpu_s: dict[str, float] = field(default_factory=dict)

    def talk(self, plan: Talk) -> float:
        """Microseconds of server CPU for each delivery."""
        cpu, stores = self.server.cpu_s(), self.server.stores_cpu_s()
        heard = self.crowd.run(talk, plan)
        cpu = self.server.cpu_s() - cpu
        for name, after in self.server.stores_cpu_s().items():
            self.stores_cpu_s[name] = self.stores_cpu_s.get(name, 0.0) + after - stores[name]
        self.heard.append(heard)
        return cpu / heard.deliveries * 1e6

    def p99_ms(self) -> float:
        """Of the last talk."""
        return quantiles(self.heard[-1].delays_ms, n=100)[-1]

    def stores_us(self) -> dict[str, float]:
        """Microseconds of the stores' own CPU for each delivery."""
        return {name: seconds / self._deliveries() * 1e6 for name, seconds in self.stores_cpu_s.items()}

    def told(self) -> str:
        """What else was seen: the delay, that the clients kept up, and what the stores took besides."""
        delays = [delay for heard in self.heard for delay in heard.delays_ms]
        clients = sum(heard.cpu_s for heard in self.heard) / sum(heard.elapsed_s for heard in self.heard)
        words = [f"median delay {median(delays):.1f} ms", f"clients busy {clients:.0%}"]
        words += [f"{name} itself {microseconds:.2f} us" for name, microseconds in self.stores_us().items()]
        if (frames := sum(heard.frames for heard in self.heard)) < self._deliveries():
            words.append(f"{self._deliveries() / frames:.1f} messages a frame")
        return ", ".join(words)

    def _deliveries(self) -> int:
        return sum(heard.deliveries for heard in self.heard)


@contextmanager
def side(server: AbstractContextManager[Server], rooms: list[str], accept: str = "") -> Iterator[Side]:
    """A server and a client in each of these rooms, in that order."""
    with server as running, crowd(running, len(rooms), accept) as people:
        people.run(enter, rooms)
        yield Side(running, people)
