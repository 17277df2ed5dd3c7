//go:build linux

#include "crossing.h"

#include <stdlib.h>
#include <string.h>

const char *crossing_missing(void) {
        static const struct {
                const char *name;
                void *function;
        } needed[] = {
#define NEEDED(f) {#f, (void *)f}
            NEEDED(rd_kafka_version_str),   NEEDED(rd_kafka_name),
            NEEDED(rd_kafka_queue_poll),    NEEDED(rd_kafka_event_type),
            NEEDED(rd_kafka_event_error),   NEEDED(rd_kafka_event_message_next),
            NEEDED(rd_kafka_event_destroy), NEEDED(rd_kafka_event_error_string),
            NEEDED(rd_kafka_fatal_error),   NEEDED(rd_kafka_event_error_is_fatal),
            NEEDED(rd_kafka_topic_new),     NEEDED(rd_kafka_message_timestamp),
            NEEDED(rd_kafka_topic_destroy), NEEDED(rd_kafka_produce),
            NEEDED(rd_kafka_producev),      NEEDED(rd_kafka_last_error),
            NEEDED(rd_kafka_produce_batch), NEEDED(rd_kafka_brokers_add),
            NEEDED(rd_kafka_headers_new),   NEEDED(rd_kafka_headers_destroy),
            NEEDED(rd_kafka_header_add),    NEEDED(rd_kafka_event_stats),
            NEEDED(rd_kafka_flush),         NEEDED(rd_kafka_conf),
            NEEDED(rd_kafka_conf_set),      NEEDED(rd_kafka_conf_interceptor_add_on_new),
            NEEDED(rd_kafka_interceptor_add_on_request_sent),
        };
        for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
                if (!needed[i].function)
                        return needed[i].name;
        return NULL;
}

void crossing_release(crossing_batch *b) {
        for (int32_t i = 0; i < b->count; i++)
                rd_kafka_event_destroy(b->events[i]);
        b->count = 0;
        b->code = 0;
        rd_kafka_event_destroy(b->told); // NULL is allowed
        b->told = NULL;
        b->statistics = NULL;
}

// reserve makes room for one more record. Room grows with the batches that really come,
// since a loop that keeps up polls a few records at a time.
static int reserve(crossing_batch *b) {
        if (b->count < b->room)
                return 0;
        int32_t room = b->room ? 2 * b->room : 256;
        crossing_record *records = realloc(b->records, room * sizeof *records);
        if (!records)
                return -1;
        b->records = records;
        rd_kafka_event_t **events = realloc(b->events, room * sizeof *events);
        if (!events)
                return -1;
        b->events = events;
        b->room = room;
        return 0;
}

static void fail(crossing_batch *b, int code, int fatal, int32_t partition, const void *text, size_t len) {
        b->code = code;
        b->fatal = fatal;
        b->partition = partition;
        if (len >= sizeof b->text)
                len = sizeof b->text - 1;
        if (text)
                memcpy(b->text, text, len);
        b->text[text ? len : 0] = 0;
}

int crossing_poll(crossing_batch *b, int32_t max, int64_t max_bytes, int timeout_ms) {
        crossing_release(b);
        for (int64_t bytes = 0; b->count < max && bytes < max_bytes; timeout_ms = 0) {
                // Room first: a record that was taken from the queue must not get lost.
                if (reserve(b))
                        return -1;
                rd_kafka_event_t *e = rd_kafka_queue_poll(b->queue, timeout_ms);
                if (!e)
                        return 0;
                int type = rd_kafka_event_type(e);
                if (type == CROSSING_EVENT_FETCH) {
                        const rd_kafka_message_t *opaque = rd_kafka_event_message_next(e);
                        const struct crossing_message *m = (const struct crossing_message *)opaque;
                        if (m && !m->err) {
                                crossing_record *r = &b->records[b->count];
                                unsigned kind = 0;
                                r->key = m->key;
                                r->key_len = (int64_t)m->key_len;
                                r->value = m->payload;
                                r->value_len = (int64_t)m->len;
                                r->offset = m->offset;
                                r->partition = m->partition;
                                r->timestamp = rd_kafka_message_timestamp(opaque, &kind);
                                if (kind == 0)
                                        r->timestamp = -1;
                                b->events[b->count++] = e;
                                bytes += r->key_len + r->value_len;
                                continue;
                        }
                        if (m)
                                fail(b, m->err, 0, m->partition, m->payload, m->len);
                } else if (type == CROSSING_EVENT_ERROR) {
                        if (rd_kafka_event_error_is_fatal(e)) {
                                fail(b, 0, 1, -1, NULL, 0);
                                b->code = rd_kafka_fatal_error(b->rk, b->text, sizeof b->text);
                        } else {
                                const char *text = rd_kafka_event_error_string(e);
                                fail(b, rd_kafka_event_error(e), 0, -1, text, text ? strlen(text) : 0);
                        }
                } else if (type == CROSSING_EVENT_STATS) {
                        b->told = e;
                        b->statistics = rd_kafka_event_stats(e);
                        return 0;
                }
                rd_kafka_event_destroy(e); // others are of no interest to a consumer that commits through its producer
                if (b->code)
                        return 0;
        }
        return 0;
}

static char *at(char *bytes, int64_t from) { return from < 0 ? NULL : bytes + from; }

// with_headers sends one record that has headers, which are few: dead letters.
static int with_headers(crossing_sender *s, char *bytes, const crossing_outgoing *r, const crossing_header *h) {
        rd_kafka_headers_t *list = rd_kafka_headers_new(r->headers);
        for (int32_t i = 0; i < r->headers; i++, h++)
                rd_kafka_header_add(list, at(bytes, h->name), h->name_len, at(bytes, h->value),
                                    h->value < 0 ? 0 : h->value_len);
        int code = rd_kafka_producev(s->rk, CROSSING_V_RKT, s->topics[r->topic], CROSSING_V_PARTITION, r->partition,
                                     CROSSING_V_MSGFLAGS, CROSSING_MSG_F_COPY,
                                     CROSSING_V_VALUE, at(bytes, r->value), (size_t)r->value_len,
                                     CROSSING_V_KEY, at(bytes, r->key), (size_t)r->key_len,
                                     CROSSING_V_HEADERS, list, CROSSING_V_END);
        if (code)
                rd_kafka_headers_destroy(list); // taken over only with the record
        return code;
}

enum {
        TOGETHER = 64,           // records of one call
        TOGETHER_BYTES = 64000,  // of each of them: no limit of a client refuses it for its size
};

static int plain(const crossing_outgoing *r) {
        return r->headers == 0 && r->key_len + r->value_len <= TOGETHER_BYTES;
}

// alike tells whether two records go to the same place.
static int alike(const crossing_outgoing *r, const crossing_outgoing *o) {
        return r->topic == o->topic && r->partition == o->partition;
}

// together sends records of one partition, and answers how many were taken before the first that was refused. It looks twice at the
// clock and once for the partition, where rd_kafka_produce does for each record, and takes fewer locks. A full queue refuses all behind
// that one, too. What else might refuse one (its partition is gone) ends the transaction, whatever was taken behind it.
//
// Records of several partitions could go by one call (RD_KAFKA_MSG_F_PARTITION). But as long as librdkafka does not know the topic, it
// then registers partition -1 with the transaction, which no broker has: it asks again each half second until the records time out.
static int32_t together(crossing_sender *s, char *bytes, const crossing_outgoing *r, int32_t n) {
        struct crossing_message m[TOGETHER];
        for (int32_t i = 0; i < n; i++)
                m[i] = (struct crossing_message) {
                        .payload = at(bytes, r[i].value), .len = (size_t)r[i].value_len,
                        .key = at(bytes, r[i].key), .key_len = (size_t)r[i].key_len,
                };
        if (rd_kafka_produce_batch(s->topics[r->topic], r->partition, CROSSING_MSG_F_COPY, (rd_kafka_message_t *)m, n) == n)
                return n;
        for (int32_t i = 0; i < n; i++)
                if (m[i].err) {
                        s->code = m[i].err;
                        return i;
                }
        return n;
}

static int32_t hand_over(crossing_sender *s, char *bytes, const crossing_outgoing *r, int32_t n, const crossing_header *h) {
        s->code = 0;
        for (int32_t i = 0, run; i < n; i += run) {
                for (run = 0; run < TOGETHER && i + run < n && plain(r + i + run) && alike(r + i + run, r + i); run++)
                        ;
                if (run > 0) {
                        int32_t taken = together(s, bytes, r + i, run);
                        if (s->code)
                                return i + taken;
                        continue;
                }
                run = 1;
                if (r[i].headers > 0)
                        s->code = with_headers(s, bytes, r + i, h + r[i].header);
                else if (rd_kafka_produce(s->topics[r[i].topic], r[i].partition, CROSSING_MSG_F_COPY, at(bytes, r[i].value),
                                          (size_t)r[i].value_len, at(bytes, r[i].key), (size_t)r[i].key_len, NULL))
                        s->code = rd_kafka_last_error();
                if (s->code)
                        return i;
        }
        return n;
}

int32_t crossing_send(crossing_sender *s, char *bytes, const crossing_outgoing *r, int32_t n, const crossing_header *h) {
        crossing_hold();
        int32_t taken = hand_over(s, bytes, r, n, h);
        s->registered = crossing_register(s->rk);
        return taken;
}

int crossing_only_failures(rd_kafka_t *rk) {
        char text[1];
        return rd_kafka_conf_set((rd_kafka_conf_t *)rd_kafka_conf(rk), "delivery.report.only.error", "true", text, sizeof text);
}
