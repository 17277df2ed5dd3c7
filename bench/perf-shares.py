"""Says where a process spent its processor time, from a recording of all of its threads.

    perf record -F 999 -g -p PID -o perf.data -- sleep 10
    perf script -i perf.data -F comm,ip,sym | python3 bench/perf-shares.py

A sample belongs to the first part below that one of its functions is of, read from the outermost call inwards; samples of
the client library's own threads are told apart by the names that it gives them.
"""

import collections
import sys

PARTS = [  # in the order of precedence
    ("garbage collection", ("runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.gcAssist", "runtime.bgscavenge", "runtime.gcStart")),
    ("decode", ("internal/record.(*Decoder).Decode",)),
    ("score", ("internal/model.(*Scorer).Score",)),
    ("features", ("internal/feature.(*Plan).Vector",)),
    ("encode", ("internal/score.(*encoder).prediction", "internal/score.(*Engine).flush")),
    ("engine, rest", ("internal/score.(*Engine).Process",)),
    ("poll: the call into the library and what it makes", ("kafka.(*Consumer).Poll", "stream.(*consumer).poll")),
    ("produce: the call into the library", ("kafka.(*Producer).Produce", "stream.(*producer).send")),
    ("commit", ("stream.(*producer).commit", "kafka.(*Producer).CommitTransaction", "kafka.(*Producer).SendOffsets")),
    ("loop, rest", ("internal/stream.",)),
    ("Temporal", ("go.temporal.io/",)),
    ("Go scheduler and runtime", ("runtime.",)),
]


def samples(lines):
    """Yields the thread's name and the functions of each sample, outermost last."""
    comm, frames = None, []
    for line in lines:
        if not line.strip():
            if comm is not None:
                yield comm, frames
            comm, frames = None, []
        elif comm is None:
            comm = line.strip()
        else:
            frames.append(line.strip().partition(" ")[2])
    if comm is not None:
        yield comm, frames


def part(comm, frames):
    if comm.startswith("rdk:"):
        return "library thread " + comm
    stack = list(reversed(frames))
    for name, marks in PARTS:
        if any(mark in frame for frame in stack for mark in marks):
            return name
    return "other"


def main():
    counts = collections.Counter(part(*sample) for sample in samples(sys.stdin))
    total = sum(counts.values())
    for name, n in counts.most_common():
        print(f"{100 * n / total:5.1f} %  {name}")


if __name__ == "__main__":
    main()
