import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.RecordMetadata;

/**
 * The stream of pipeline creditcard by Kafka Streams.
 *
 * <p>It says "stream runs" on standard error when it has its partitions, and ends with 0 on SIGTERM. A message that it
 * cannot read ends it.
 */
public final class StreamsPeer {
    public static void main(String[] args) throws Exception {
        CardScorer.Task task = CardScorer.Task.read();
        if (task.warmOutput != null) {
            CardScorer.warmUp(task, (warm, scored) -> {
                KafkaStreams streams = start(warm, scored, new CountDownLatch(1));
                return () -> streams.close(Duration.ofSeconds(30));
            });
        }
        CountDownLatch runs = new CountDownLatch(1);
        KafkaStreams streams = start(task, new LongAdder(), runs);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            boolean closed = streams.close(Duration.ofSeconds(30));
            Runtime.getRuntime().halt(closed ? 0 : 1);
        }));
        runs.await();
        System.err.println("stream runs");
    }

    private static KafkaStreams start(CardScorer.Task task, LongAdder scored, CountDownLatch runs) {
        Properties properties = new Properties();
        properties.putAll(task.properties);
        properties.putAll(Map.of(
                "application.id", task.name,
                "bootstrap.servers", task.brokers,
                "processing.guarantee", "exactly_once_v2",
                "num.stream.threads", task.threads,
                "commit.interval.ms", task.commitMillis,
                "state.dir", task.folder));
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(task.topic, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .processValues(() -> new Scorer(task.model, scored))
                .to(task.output, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
        KafkaStreams streams = new KafkaStreams(builder.build(properties), properties);
        streams.setUncaughtExceptionHandler(e -> {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) {
                runs.countDown();
            }
        });
        streams.start();
        return streams;
    }

    /** Scores the records of one partition. */
    private static final class Scorer implements FixedKeyProcessor<byte[], byte[], byte[]> {
        private final CardScorer cards;
        private final LongAdder scored;
        private FixedKeyProcessorContext<byte[], byte[]> context;

        Scorer(CardScorer.Model model, LongAdder scored) {
            this.cards = new CardScorer(model);
            this.scored = scored;
        }

        @Override
        public void init(FixedKeyProcessorContext<byte[], byte[]> context) {
            this.context = context;
        }

        @Override
        public void process(FixedKeyRecord<byte[], byte[]> record) {
            RecordMetadata place = context.recordMetadata().orElseThrow();
            byte[] prediction = cards.score(record.key(), record.value(), place.topic(), place.partition(), place.offset(), record.timestamp());
            context.forward(record.withValue(prediction));
            scored.increment();
        }
    }
}
