// What this package needs of librdkafka, declared here because the header that the client
// library bundles cannot be included from another module. Every declaration is weak: a
// library without one of these functions still links, and crossing_missing names it.
// drift_test.go compiles this file against the bundled header.
#ifndef CROSSING_H
#define CROSSING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_topic_conf_s rd_kafka_topic_conf_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_op_s rd_kafka_event_t;
typedef struct rd_kafka_headers_s rd_kafka_headers_t;
typedef struct rd_kafka_message_s rd_kafka_message_t;

#define CROSSING_WEAK __attribute__((weak))

// Enumerations of librdkafka are int here: they have negative values.
CROSSING_WEAK const char *rd_kafka_version_str(void);
CROSSING_WEAK const char *rd_kafka_name(const rd_kafka_t *rk);
CROSSING_WEAK rd_kafka_event_t *rd_kafka_queue_poll(rd_kafka_queue_t *rkqu, int timeout_ms);
CROSSING_WEAK int rd_kafka_event_type(const rd_kafka_event_t *rkev);
CROSSING_WEAK const rd_kafka_message_t *rd_kafka_event_message_next(rd_kafka_event_t *rkev);
CROSSING_WEAK int rd_kafka_event_error(rd_kafka_event_t *rkev);
CROSSING_WEAK const char *rd_kafka_event_error_string(rd_kafka_event_t *rkev);
CROSSING_WEAK int rd_kafka_event_error_is_fatal(rd_kafka_event_t *rkev);
CROSSING_WEAK const char *rd_kafka_event_stats(rd_kafka_event_t *rkev);
CROSSING_WEAK void rd_kafka_event_destroy(rd_kafka_event_t *rkev);
CROSSING_WEAK int rd_kafka_fatal_error(rd_kafka_t *rk, char *errstr, size_t errstr_size);
CROSSING_WEAK rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *rk, const char *topic, rd_kafka_topic_conf_t *conf);
CROSSING_WEAK void rd_kafka_topic_destroy(rd_kafka_topic_t *rkt);
CROSSING_WEAK int rd_kafka_produce(rd_kafka_topic_t *rkt, int32_t partition, int msgflags, void *payload, size_t len,
                                   const void *key, size_t keylen, void *msg_opaque);
CROSSING_WEAK int rd_kafka_produce_batch(rd_kafka_topic_t *rkt, int32_t partition, int msgflags, rd_kafka_message_t *rkmessages, int message_cnt);
CROSSING_WEAK int rd_kafka_producev(rd_kafka_t *rk, ...);
CROSSING_WEAK int rd_kafka_last_error(void);
CROSSING_WEAK const rd_kafka_conf_t *rd_kafka_conf(rd_kafka_t *rk);
CROSSING_WEAK int rd_kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, char *errstr, size_t errstr_size);
CROSSING_WEAK int rd_kafka_brokers_add(rd_kafka_t *rk, const char *brokerlist);
CROSSING_WEAK int rd_kafka_flush(rd_kafka_t *rk, int timeout_ms);
CROSSING_WEAK rd_kafka_headers_t *rd_kafka_headers_new(size_t initial_count);
CROSSING_WEAK void rd_kafka_headers_destroy(rd_kafka_headers_t *hdrs);
CROSSING_WEAK int rd_kafka_header_add(rd_kafka_headers_t *hdrs, const char *name, ssize_t name_size,
                                      const void *value, ssize_t value_size);

CROSSING_WEAK int rd_kafka_conf_interceptor_add_on_new(rd_kafka_conf_t *conf, const char *ic_name,
                                                       int (*on_new)(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *ic_opaque,
                                                                     char *errstr, size_t errstr_size),
                                                       void *ic_opaque);
CROSSING_WEAK int rd_kafka_interceptor_add_on_request_sent(rd_kafka_t *rk, const char *ic_name,
                                                           int (*on_request_sent)(rd_kafka_t *rk, int sockfd, const char *brokername,
                                                                                  int32_t brokerid, int16_t ApiKey, int16_t ApiVersion,
                                                                                  int32_t CorrId, size_t size, void *ic_opaque),
                                                           void *ic_opaque);

// rd_kafka_message_timestamp's second parameter points to an enumeration without negative
// values, which is unsigned.
CROSSING_WEAK int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *rkmessage, unsigned *tstype);

// crossing_message has the layout of rd_kafka_message_t.
struct crossing_message {
        int err;
        rd_kafka_topic_t *rkt;
        int32_t partition;
        void *payload;
        size_t len;
        void *key;
        size_t key_len;
        int64_t offset;
        void *_private;
};

enum {
        CROSSING_PRODUCER = 0,
        CROSSING_EVENT_FETCH = 0x2,
        CROSSING_EVENT_ERROR = 0x8,
        CROSSING_EVENT_STATS = 0x40,
        CROSSING_MSG_F_COPY = 0x2,
        CROSSING_V_END = 0,
        CROSSING_V_RKT = 2,
        CROSSING_V_PARTITION = 3,
        CROSSING_V_VALUE = 4,
        CROSSING_V_KEY = 5,
        CROSSING_V_MSGFLAGS = 7,
        CROSSING_V_HEADERS = 10,
};

// crossing_missing names a function that the linked library lacks, NULL if it has all.
const char *crossing_missing(void);

// crossing_record is a record that was fetched. Its memory belongs to the event that it
// came with.
typedef struct {
        void *key, *value; // NULL: null
        int64_t key_len, value_len, offset;
        int64_t timestamp; // unix milliseconds, -1 where there is none
        int32_t partition;
} crossing_record;

// crossing_batch holds the records of the last poll, and the error or the statistics that
// ended it, if any.
typedef struct {
        rd_kafka_t *rk;
        rd_kafka_queue_t *queue;
        crossing_record *records;
        rd_kafka_event_t **events; // events[i] holds the memory of records[i]
        int32_t count, room;
        int32_t code;      // of the error, 0 none
        int32_t fatal;     // the client cannot go on
        int32_t partition; // that the error is about, -1 unknown
        char text[512];
        rd_kafka_event_t *told; // holds the memory of statistics
        const char *statistics; // JSON; NULL: none
} crossing_batch;

// crossing_poll releases the batch and fills it anew. It answers -1 if memory ran out.
int crossing_poll(crossing_batch *b, int32_t max, int64_t max_bytes, int timeout_ms);
void crossing_release(crossing_batch *b);

// crossing_outgoing is a record to be sent. Its bytes are ranges of one block of memory,
// so that none of these structures holds a pointer.
typedef struct {
        int64_t key, value; // where they begin, -1: null
        int64_t key_len, value_len;
        int32_t topic, partition;
        int32_t headers, header; // how many, and the index of the first
} crossing_outgoing;

typedef struct {
        int64_t name, value; // where they begin, -1: null
        int64_t name_len, value_len;
} crossing_header;

enum { CROSSING_TOPICS = 8 };

typedef struct {
        rd_kafka_t *rk;
        rd_kafka_topic_t *topics[CROSSING_TOPICS];
        int32_t code;       // why the last record was refused, 0 if it was not
        int32_t registered; // the last records brought partitions that were new to their transaction
} crossing_sender;

// crossing_send hands records over, in order, up to the first that is refused. It answers
// how many were taken. librdkafka has copied their bytes when it returns.
int32_t crossing_send(crossing_sender *s, char *bytes, const crossing_outgoing *r, int32_t n, const crossing_header *h);

// crossing_only_failures sets delivery.report.only.error of a client that runs. 0: done.
int crossing_only_failures(rd_kafka_t *rk);

// crossing_hold is called before records are handed over, and crossing_register behind them: it has the partitions that are new
// to their transaction registered at once, by one request. It answers whether there were any.
void crossing_hold(void);
int crossing_register(rd_kafka_t *rk);

// crossing_entry is where a goroutine waits until the broker has let a transaction of one producer in.
typedef struct crossing_entry {
        rd_kafka_t *rk;
        struct crossing_entry *next;
        int32_t asked; // so often, since it was told to begin
        int32_t in;    // the broker has let it in
        int32_t ended; // nobody should wait any longer
} crossing_entry;

// crossing_entry_open begins to listen to a producer. It answers 0 if that can be heard.
int crossing_entry_open(crossing_entry *e);
void crossing_entry_begin(crossing_entry *e);
int crossing_entry_wait(crossing_entry *e); // 1: it was let in
int crossing_entry_end(crossing_entry *e);  // how often it was asked
void crossing_entry_close(crossing_entry *e);

#endif
