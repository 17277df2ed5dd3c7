package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Fault is a kind of trouble, as it is counted and as alerts name it. The words are
// stable. What each one means for the stream stands in docs/failures.md.
type Fault string

const (
	FaultUnreachable    Fault = "kafka_unreachable"   // no broker answers
	FaultMoved          Fault = "kafka_moved"         // a partition's leader or a coordinator is elsewhere, or nowhere yet
	FaultReplicas       Fault = "too_few_replicas"    // fewer brokers hold a partition than must acknowledge
	FaultStorage        Fault = "broker_storage"      // a broker cannot write to its disk
	FaultBroker         Fault = "broker_error"        // a broker met an error for which Kafka has no name
	FaultUnacknowledged Fault = "not_acknowledged"    // results were sent and not acknowledged in time
	FaultQuota          Fault = "quota"               // the broker holds answers back
	FaultAuth           Fault = "auth"                // credentials are refused
	FaultRights         Fault = "rights"              // the user may not do what is asked for
	FaultTLS            Fault = "tls"                 // no secure connection
	FaultTopic          Fault = "topic_missing"       // a topic or partition does not exist
	FaultFenced         Fault = "fenced"              // a successor, or the broker gave up on a transaction
	FaultTimeout        Fault = "transaction_timeout" // the broker allows shorter transactions only
	FaultOffsetLost     Fault = "offset_lost"         // the broker no longer has the committed offset
	FaultBehind         Fault = "offsets_behind"      // the broker answers older offsets than were committed
	FaultHistoryLost    Fault = "history_lost"        // neither snapshot nor log tell what was before a partition's offset
	FaultPanic          Fault = "processor_panic"     // a processor with a history has panicked
	FaultTooLarge       Fault = "too_large"           // a record is larger than a topic takes
	FaultOutdated       Fault = "outdated"            // newer orders are in force
	FaultStuck          Fault = "stuck"               // records wait, and none is scored
	FaultWithheld       Fault = "withheld"            // a transaction hangs in a topic, and hides what comes after it
	FaultConsole        Fault = "console"             // predictions could not be printed
	FaultOther          Fault = "other"
)

// Faults are all kinds, so that each can be counted from zero.
func Faults() []Fault {
	return []Fault{
		FaultUnreachable, FaultMoved, FaultReplicas, FaultStorage, FaultBroker, FaultUnacknowledged, FaultQuota, FaultAuth, FaultRights, FaultTLS,
		FaultTopic, FaultFenced, FaultTimeout, FaultOffsetLost, FaultBehind, FaultHistoryLost, FaultPanic, FaultTooLarge, FaultOutdated, FaultStuck, FaultWithheld, FaultConsole, FaultOther,
	}
}

// faultOf sorts an error. What the loop itself has found out comes before what the client
// says, since its errors wrap the client's.
func faultOf(err error) Fault {
	for _, own := range []struct {
		err   error
		fault Fault
	}{{ErrOffsetLost, FaultOffsetLost}, {ErrBehind, FaultBehind}, {ErrHistoryLost, FaultHistoryLost}, {ErrPanic, FaultPanic}, {ErrOutdated, FaultOutdated}, {ErrStuck, FaultStuck}, {errThrottled, FaultQuota}, {errWithheld, FaultWithheld}, {errConsole, FaultConsole}, {errReplicas, FaultReplicas}, {errForgotten, FaultMoved}, {errRefused, FaultMoved}} {
		if errors.Is(err, own.err) {
			return own.fault
		}
	}
	var large *errTooLarge
	if errors.As(err, &large) {
		return FaultTooLarge
	}
	if fault := faultOfCode(code(err)); fault != FaultOther || !errors.Is(err, context.DeadlineExceeded) {
		return fault
	}
	return FaultUnreachable
}

func faultOfCode(c kafka.ErrorCode) Fault {
	switch c {
	case kafka.ErrTransport, kafka.ErrAllBrokersDown, kafka.ErrResolve, kafka.ErrTimedOut, kafka.ErrRequestTimedOut,
		kafka.ErrTimedOutQueue, kafka.ErrWaitCoord, kafka.ErrBrokerNotAvailable, kafka.ErrNetworkException:
		return FaultUnreachable
	case kafka.ErrNotLeaderForPartition, kafka.ErrLeaderNotAvailable, kafka.ErrReplicaNotAvailable, kafka.ErrFencedLeaderEpoch,
		kafka.ErrUnknownLeaderEpoch, kafka.ErrNotCoordinator, kafka.ErrCoordinatorNotAvailable, kafka.ErrCoordinatorLoadInProgress,
		kafka.ErrOffsetNotAvailable, kafka.ErrTransactionCoordinatorFenced:
		return FaultMoved
	case kafka.ErrNotEnoughReplicas, kafka.ErrNotEnoughReplicasAfterAppend, kafka.ErrIsrInsuff:
		return FaultReplicas
	case kafka.ErrKafkaStorageError, kafka.ErrLogDirNotFound:
		return FaultStorage
	case kafka.ErrUnknown:
		return FaultBroker
	case kafka.ErrMsgTimedOut:
		return FaultUnacknowledged
	case kafka.ErrThrottlingQuotaExceeded:
		return FaultQuota
	case kafka.ErrAuthentication, kafka.ErrSaslAuthenticationFailed, kafka.ErrUnsupportedSaslMechanism, kafka.ErrIllegalSaslState:
		return FaultAuth
	case kafka.ErrTopicAuthorizationFailed, kafka.ErrGroupAuthorizationFailed, kafka.ErrTransactionalIDAuthorizationFailed,
		kafka.ErrClusterAuthorizationFailed:
		return FaultRights
	case kafka.ErrSsl:
		return FaultTLS
	case kafka.ErrUnknownTopicOrPart, kafka.ErrUnknownTopic, kafka.ErrUnknownPartition:
		return FaultTopic
	case kafka.ErrFenced, kafka.ErrProducerFenced, kafka.ErrInvalidProducerEpoch, kafka.ErrInvalidProducerIDMapping:
		return FaultFenced
	case kafka.ErrInvalidTransactionTimeout:
		return FaultTimeout
	case kafka.ErrOffsetOutOfRange, kafka.ErrAutoOffsetReset:
		return FaultOffsetLost
	case kafka.ErrMsgSizeTooLarge, kafka.ErrRecordListTooLarge:
		return FaultTooLarge
	}
	return FaultOther
}

// advice is what a person should do about a fault, empty if its error says so itself. It is
// the "do" of log lines, and follows the error in Progress.
func (f Fault) advice(k Kafka) string {
	switch f {
	case FaultUnreachable:
		return fmt.Sprintf("check that Kafka runs at %s (KAFKA_BOOTSTRAP_SERVERS) and can be reached from here", k.Brokers)
	case FaultMoved:
		return "wait: brokers are changing their roles, or end what was open, which takes seconds; if it lasts, look for partitions without a leader, then restart the broker that coordinates the group"
	case FaultReplicas:
		return "bring brokers back: fewer of them hold the topics that are written, or Kafka's own, than min.insync.replicas asks for; nothing is lost"
	case FaultStorage:
		return "look at the broker's disk and log: it cannot write; the stream goes on by itself when it can"
	case FaultBroker:
		return "look at the broker's log: it met an error for which Kafka has no name (a full disk is one cause); the stream tries again by itself"
	case FaultBehind:
		return "restart the broker that coordinates the group: it answers older offsets than its log holds; nothing is scored twice meanwhile;" +
			" if the commits are gone for good, accept that by: starter seek"
	case FaultHistoryLost:
		return "restore the object store's streams/ folder, or build the history anew by: starter backfill"
	case FaultPanic:
		return "nothing now: the record to blame becomes a dead letter; report the panic, which is a fault of the program"
	case FaultUnacknowledged:
		return "look at the brokers: results were not acknowledged in time (disk, min.insync.replicas, or no leader); nothing is lost"
	case FaultQuota:
		return "raise the broker's quota (producer_byte_rate, consumer_byte_rate) of this user or client id, or accept the pace; nothing is lost"
	case FaultAuth:
		return "check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM: new credentials at the broker need no restart of the worker, other ones in its environment do"
	case FaultRights:
		return "grant this user read on the input topic and the group, write on the output and dead-letter topics," +
			" and write on transactional ids that begin with temporal-streaming."
	case FaultTLS:
		return "check KAFKA_SECURITY_PROTOCOL and KAFKA_SSL_CA_LOCATION"
	case FaultTopic:
		return "create the topic, or correct its name in the pipeline"
	case FaultFenced:
		return "nothing, if another worker runs the shard now; if it repeats with one worker, its transactions outlast the broker's patience: look for a frozen process or a slow broker"
	case FaultTimeout:
		return "give the broker a transaction.max.timeout.ms at least as long as the loop's transaction timeout (60 s)"
	case FaultTooLarge:
		return "give the dead-letter topic a max.message.bytes above the input topic's"
	case FaultStuck:
		return "look at the broker's log for this topic; the loop replaces its clients by itself; if it happens again, restart the worker and report it"
	case FaultWithheld:
		return "find whose transaction it is and abort it: kafka-transactions.sh --bootstrap-server " + k.Brokers +
			" find-hanging --broker-id N, then abort; nothing is lost, and readers go on where they stand"
	case FaultOutdated:
		return "nothing: the workflow sends the newest orders with the next segment"
	case FaultConsole:
		return "see that the worker's standard output is read; predictions were committed, and only not shown"
	}
	return ""
}

// vague tells the faults that follow from others: a client that is refused everywhere
// reports in the end that all brokers are down, which would send people the wrong way.
func (f Fault) vague() bool {
	return f == FaultUnreachable || f == FaultOther || f == FaultUnacknowledged
}

// named tells the faults that say what a person has to mend.
func (f Fault) named() bool {
	switch f {
	case FaultAuth, FaultRights, FaultTLS, FaultTopic, FaultReplicas, FaultStorage, FaultBroker:
		return true
	}
	return false
}
