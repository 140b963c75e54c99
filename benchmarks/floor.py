"""What the kernel takes for writing one frame to one socket, without any server: the least a delivery can cost here.

`python -m benchmarks.floor`. Other figures are read as multiples of this one, which differs from machine to machine.
"""

import os
import selectors
import socket
import time
from multiprocessing import get_context
from multiprocessing.synchronize import Event

FRAME = b"x" * 250  # as long as the frame of a message of the other measurements
MEMBERS, ROUNDS, PAUSE_S, TIMEOUT_S = 200, 40, 0.01, 10


def main() -> None:
    measure()


def measure() -> float:
    """Prints and returns microseconds of CPU for one write to one of 200 sockets that are read by another process."""
    context = get_context("fork")  # starting a new interpreter would take longer than the measuring
    done = context.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=MEMBERS) as listener:
        listener.settimeout(TIMEOUT_S)
        reader = context.Process(target=_read, args=(listener.getsockname(), done), daemon=True)
        reader.start()
        sockets = [listener.accept()[0] for _ in range(MEMBERS)]
        files = [one.fileno() for one in sockets]
        cpu = time.process_time()
        for _ in range(ROUNDS):
            for file in files:
                os.write(file, FRAME)
            time.sleep(PAUSE_S)
        microseconds = (time.process_time() - cpu) / (ROUNDS * MEMBERS) * 1e6
    done.set()
    reader.join()
    for one in sockets:
        one.close()
    print(f"The kernel's write of a frame to a socket: {microseconds:.2f} us")
    return microseconds


def _read(address: tuple[str, int], done: Event) -> None:
    selector = selectors.DefaultSelector()
    for _ in range(MEMBERS):
        selector.register(socket.create_connection(address), selectors.EVENT_READ)
    while not done.is_set():
        for key, _ in selector.select(0.1):
            key.fileobj.recv(65536)  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
