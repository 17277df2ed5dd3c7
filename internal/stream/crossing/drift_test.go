package crossing

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const (
	clientModule  = "github.com/confluentinc/confluent-kafka-go/v2"
	clientVersion = "v2.15.1" // whose handle.rk and handle.rkq borrow.go reads
)

const whatToCheck = `
Check, then raise the versions in drift_test.go and borrow.go:
  1. kafka/handle.go: struct handle still keeps rk (*C.rd_kafka_t) and rkq (*C.rd_kafka_queue_t);
  2. kafka/event.go, eventPoll: it still handles the events that crossing.c handles, in the same way;
  3. kafka/producer.go, produce: still RD_KAFKA_MSG_F_COPY and a nil opaque, and reports without an opaque still go to Events;
  4. the changes of librdkafka to rd_kafka_queue_poll, rd_kafka_event_*, rd_kafka_produce and rd_kafka_produce_batch;
  5. rd_kafka_dr_msgq still asks the live configuration, for every batch, whether only failures are reported;
  6. kafka/producer.go, NewProducer, still calls rd_kafka_new, and rdkafka_transport.c the interceptors of a request that was written;
  7. rd_kafka_txn_add_partition still calls rd_kafka_txn_schedule_register_partitions, from another file than that is in (or the linker
     does not hand the call to entry.c), and there 0 still means at once; rd_kafka_txn_handle_AddOffsetsToTxn still sends
     TxnOffsetCommit only if there was no error;
  8. whether a client that was told of no brokers still has to be reminded (internal/stream/remind_test.go);
  9. rdkafka_broker.c still calls rd_kafka_msgq_allow_wakeup_at, of rdkafka_msg.c, with these parameters, and takes what it makes of
     next_wakeup for the end of its poll; whoever waits there for an answer is still woken by it;
  10. the other tests of this package and of internal/stream.`

// list answers a field of the client's module.
func list(t *testing.T, format string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", format, clientModule).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", clientModule, err)
	}
	return strings.TrimSpace(string(out))
}

func TestTheClientIsTheOneThatWasChecked(t *testing.T) {
	if got := list(t, "{{.Version}}"); got != clientVersion {
		t.Errorf("go.mod has confluent-kafka-go %s; crossing was checked with %s.%s", got, clientVersion, whatToCheck)
	}
	if _, got := kafka.LibraryVersion(); got != Library {
		t.Errorf("librdkafka %s is linked; crossing was checked with %s.%s", got, Library, whatToCheck)
	}
}

// assertions hold crossing.h against the bundled header. Redeclaring a function otherwise
// than the header does is an error of the compiler's.
const assertions = `
#define SAME(field) _Static_assert(offsetof(struct crossing_message, field) == offsetof(struct rd_kafka_message_s, field), #field)
SAME(err); SAME(rkt); SAME(partition); SAME(payload); SAME(len); SAME(key); SAME(key_len); SAME(offset); SAME(_private);
_Static_assert(sizeof(struct crossing_message) == sizeof(rd_kafka_message_t), "size of a message");
#define EQUAL(a, b) _Static_assert((int)(a) == (int)(b), #a)
rd_kafka_t *rd_kafka_new(unsigned type, rd_kafka_conf_t *conf, char *errstr, size_t errstr_size);
EQUAL(CROSSING_PRODUCER, RD_KAFKA_PRODUCER);
EQUAL(CROSSING_EVENT_FETCH, RD_KAFKA_EVENT_FETCH);
EQUAL(CROSSING_EVENT_ERROR, RD_KAFKA_EVENT_ERROR);
EQUAL(CROSSING_EVENT_STATS, RD_KAFKA_EVENT_STATS);
EQUAL(CROSSING_MSG_F_COPY, RD_KAFKA_MSG_F_COPY);
EQUAL(CROSSING_V_END, RD_KAFKA_VTYPE_END);
EQUAL(CROSSING_V_RKT, RD_KAFKA_VTYPE_RKT);
EQUAL(CROSSING_V_PARTITION, RD_KAFKA_VTYPE_PARTITION);
EQUAL(CROSSING_V_VALUE, RD_KAFKA_VTYPE_VALUE);
EQUAL(CROSSING_V_KEY, RD_KAFKA_VTYPE_KEY);
EQUAL(CROSSING_V_MSGFLAGS, RD_KAFKA_VTYPE_MSGFLAGS);
EQUAL(CROSSING_V_HEADERS, RD_KAFKA_VTYPE_HEADERS);
EQUAL(0, RD_KAFKA_TIMESTAMP_NOT_AVAILABLE);
EQUAL(0, RD_KAFKA_RESP_ERR_NO_ERROR);
`

func TestDeclarationsAgreeWithTheBundledHeader(t *testing.T) {
	if err := compile(t, assertions); err != nil {
		t.Errorf("crossing.h and the bundled rdkafka.h differ: %v%s", err, whatToCheck)
	}
	// The check itself must be able to fail.
	for _, wrong := range []string{
		"EQUAL(CROSSING_V_KEY, RD_KAFKA_VTYPE_VALUE);",
		"void rd_kafka_event_destroy(int);",
		"int64_t rd_kafka_event_error(rd_kafka_event_t *rkev);",
	} {
		if compile(t, assertions+wrong) == nil {
			t.Errorf("the compiler accepts %q", wrong)
		}
	}
}

func compile(t *testing.T, text string) error {
	t.Helper()
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	bundled := filepath.Join(list(t, "{{.Dir}}"), "kafka", "librdkafka_vendor")
	cmd := exec.CommandContext(t.Context(), compiler, "-x", "c", "-std=gnu11", "-Wno-enum-int-mismatch", "-fsyntax-only", "-I", bundled, "-I", here, "-")
	cmd.Stdin = strings.NewReader("#include <rdkafka.h>\n#include \"crossing.h\"\n" + text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", compiler, err, out)
	}
	return nil
}
