//go:build linux

#include "crossing.h"

#include <pthread.h>

// All entries, and what they say. Few are open, one for each loop, and two requests of a transaction look at them.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static crossing_entry *entries;
static int heard; // clients are made with the interceptor

// Requests of Kafka's protocol.
enum {
        ADD_OFFSETS_TO_TXN = 25,
        TXN_OFFSET_COMMIT = 28,
};

// on_request_sent is called by a thread of the client when it has written a request. Offsets are sent to their own coordinator only
// after the transaction's has let them in.
static int on_request_sent(rd_kafka_t *rk, int sockfd, const char *broker, int32_t id, int16_t request, int16_t version,
                           int32_t correlation, size_t size, void *opaque) {
        if (request != ADD_OFFSETS_TO_TXN && request != TXN_OFFSET_COMMIT)
                return 0;
        pthread_mutex_lock(&mutex);
        for (crossing_entry *e = entries; e; e = e->next) {
                if (e->rk != rk)
                        continue;
                if (request == ADD_OFFSETS_TO_TXN) {
                        e->asked++;
                } else {
                        e->in = 1;
                        pthread_cond_broadcast(&changed);
                }
        }
        pthread_mutex_unlock(&mutex);
        return 0;
}

static int on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque, char *text, size_t size) {
        return rd_kafka_interceptor_add_on_request_sent(rk, "crossing", on_request_sent, NULL);
}

// The Go client has no way to add an interceptor, and makes its clients by rd_kafka_new. The linker hands that call to
// __wrap_rd_kafka_new instead (--wrap, see entry.go).
__attribute__((weak)) rd_kafka_t *__real_rd_kafka_new(unsigned type, rd_kafka_conf_t *conf, char *text, size_t size);

rd_kafka_t *__wrap_rd_kafka_new(unsigned type, rd_kafka_conf_t *conf, char *text, size_t size) {
        if (type == CROSSING_PRODUCER && conf && !crossing_missing() && !rd_kafka_conf_interceptor_add_on_new(conf, "crossing", on_new, NULL)) {
                pthread_mutex_lock(&mutex);
                heard = 1;
                pthread_mutex_unlock(&mutex);
        }
        return __real_rd_kafka_new(type, conf, text, size);
}

int crossing_entry_open(crossing_entry *e) {
        pthread_mutex_lock(&mutex);
        int open = heard;
        if (open) {
                e->next = entries;
                entries = e;
        }
        pthread_mutex_unlock(&mutex);
        return open ? 0 : -1;
}

void crossing_entry_begin(crossing_entry *e) {
        pthread_mutex_lock(&mutex);
        e->asked = e->in = e->ended = 0;
        pthread_mutex_unlock(&mutex);
}

int crossing_entry_wait(crossing_entry *e) {
        pthread_mutex_lock(&mutex);
        while (!e->in && !e->ended)
                pthread_cond_wait(&changed, &mutex);
        int in = e->in;
        pthread_mutex_unlock(&mutex);
        return in;
}

int crossing_entry_end(crossing_entry *e) {
        pthread_mutex_lock(&mutex);
        e->ended = 1;
        int asked = e->asked;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&mutex);
        return asked;
}

void crossing_entry_close(crossing_entry *e) {
        pthread_mutex_lock(&mutex);
        for (crossing_entry **p = &entries; *p; p = &(*p)->next)
                if (*p == e) {
                        *p = e->next;
                        break;
                }
        pthread_mutex_unlock(&mutex);
}

// A record for a partition that is new to its transaction sets a timer, at whose end the partitions that are new by then are
// registered by one request. librdkafka has it end after 1 ms, so that others can come. Here all records of a transaction that keeps up
// are handed over by one call, behind which nothing needs to be waited for. So the timer is not set meanwhile, and then ends at once.
__attribute__((weak)) void __real_rd_kafka_txn_schedule_register_partitions(rd_kafka_t *rk, int backoff_ms);

static _Thread_local int holding, held;

void __wrap_rd_kafka_txn_schedule_register_partitions(rd_kafka_t *rk, int backoff_ms) {
        if (holding)
                held = 1;
        else
                __real_rd_kafka_txn_schedule_register_partitions(rk, backoff_ms);
}

void crossing_hold(void) { holding = 1; }

int crossing_register(rd_kafka_t *rk) {
        holding = 0;
        if (!held)
                return 0;
        held = 0;
        __real_rd_kafka_txn_schedule_register_partitions(rk, 0);
        return 1;
}
