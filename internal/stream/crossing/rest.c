//go:build linux

#include <stdint.h>

// A partition of an idempotent producer has one request under way, if that has five messages or more. While further messages are due the
// thread of its broker asks poll(2) without a pause whether the answer is there, which takes up to a core from a broker on the same
// machine. But the answer itself ends the thread's sleep, as do new messages and all else that it waits for. So it may sleep.
//
// The thread asks this function when to wake: *next is the earliest of what its partitions want, and 1 is answered if messages are due, in
// which case the function makes that now at the latest. What may be sent has been sent before the thread sleeps. The linker hands the
// call to __wrap_... (--wrap, see rest.go).
//
// Twenty milliseconds, since of what is left below one the thread waits for its queue alone, and does not see an answer: with a rest of
// one the median latency of small transactions grew by 0.4 to 0.9 ms.
enum { REST = 20000 }; // microseconds

__attribute__((weak)) uint8_t __real_rd_kafka_msgq_allow_wakeup_at(void *queue, const void *waiting, int64_t *next, int64_t now, int64_t linger,
                                                                   int32_t messages, int64_t bytes);

uint8_t __wrap_rd_kafka_msgq_allow_wakeup_at(void *queue, const void *waiting, int64_t *next, int64_t now, int64_t linger, int32_t messages,
                                             int64_t bytes) {
        int64_t asked = next ? *next : 0;
        uint8_t due = __real_rd_kafka_msgq_allow_wakeup_at(queue, waiting, next, now, linger, messages, bytes);
        if (due && next && *next < asked && *next < now + REST)
                *next = asked < now + REST ? asked : now + REST;
        return due;
}
