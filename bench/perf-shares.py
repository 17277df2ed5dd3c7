"""Says where a process spent its processor time, from a recording of all of its threads.

    perf record -F 999 -g -p PID -o perf.data -- sleep 10
    perf script -i perf.data -F tid,ip,sym | python3 bench/perf-shares.py

A thread in which Go code was seen in a tenth of its samples is one of Go's, any other is the client library's own. A sample of a Go thread belongs to
the first of the parts below that one of its functions is of. C code keeps no frame pointers, so most samples inside of a call
into the library do not show who made it: they are "inside calls into C".
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
    ("produce: into record batches", ("stream.(*transactor).send", "stream.(*transactor).collect", "stream.(*transactor).release")),
    ("send and commit, by the second version", ("stream/transact.", "twmb/franz-go")),
    ("commit, by the library", ("stream.(*producer).commit", "kafka.(*Producer).CommitTransaction", "kafka.(*Producer).SendOffsets")),
    ("loop, rest", ("internal/stream.",)),
    ("Temporal", ("go.temporal.io/",)),
    ("Go scheduler and runtime", ("runtime.",)),
]


def samples(lines):
    """Yields the thread and the functions of each sample."""
    thread, frames = None, []
    for line in lines:
        if not line.strip():
            if thread is not None:
                yield thread, frames
            thread, frames = None, []
        elif thread is None:
            thread = line.strip()
        else:
            frames.append(line.strip().partition(" ")[2])
    if thread is not None:
        yield thread, frames


def is_go(frame):
    return frame.startswith(("runtime.", "temporal-streaming/", "github.com/", "go.temporal.io/", "_cgo_"))


def part(frames):
    for name, marks in PARTS:
        if any(mark in frame for frame in frames for mark in marks):
            return name
    return "inside calls into C"


def main():
    recorded = list(samples(sys.stdin))
    seen, with_go = collections.Counter(), collections.Counter()
    for thread, frames in recorded:
        seen[thread] += 1
        with_go[thread] += any(map(is_go, frames))
    go_threads = {thread for thread in seen if with_go[thread] > seen[thread] / 10}
    counts = collections.Counter(
        part(frames) if thread in go_threads else "threads of the client library" for thread, frames in recorded
    )
    total = sum(counts.values())
    for name, n in counts.most_common():
        print(f"{100 * n / total:5.1f} %  {name}")


if __name__ == "__main__":
    main()
