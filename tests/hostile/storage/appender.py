"""A process that appends until it is killed, and says each number only after ``append`` returned."""

import sys
import threading

from taostack.storage import Journal, open_database


def main(path: str, threads: int) -> None:
    journal = Journal(open_database(path, exclusive=True))
    speaking = threading.Lock()

    def append(worker: int) -> None:
        count = 0
        while True:
            payload = b"%d:%d" % (worker, count)
            seq = journal.append("tick", payload)
            with speaking:
                sys.stdout.write(f"{seq} {payload.decode()}\n")
                sys.stdout.flush()
            count += 1

    workers = [threading.Thread(target=append, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
