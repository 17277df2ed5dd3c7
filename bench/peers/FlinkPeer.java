import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.lineage.DefaultKafkaDatasetFacet;
import org.apache.flink.connector.kafka.lineage.DefaultKafkaDatasetIdentifier;
import org.apache.flink.connector.kafka.lineage.KafkaDatasetFacet;
import org.apache.flink.connector.kafka.lineage.KafkaDatasetFacetProvider;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TransactionNamingStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetResetStrategy;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * The stream of pipeline creditcard by Flink, all of it in this process: its local cluster, with its checkpoints on disk.
 *
 * <p>It goes on from its newest checkpoint, if it has one. It says "stream runs" on standard error when its tasks are
 * open, or, where a topic is drained, when the first message has been scored; and ends with 0 on SIGTERM, after a
 * savepoint. A message that it cannot read ends it.
 */
public final class FlinkPeer {
    // Tasks are serialised on their way to the cluster, which is this process: so they share these as statics.
    private static volatile LongAdder scored;
    private static volatile CountDownLatch open;

    public static void main(String[] args) throws Exception {
        CardScorer.Task task = CardScorer.Task.read();
        if (task.warmOutput != null) {
            CardScorer.warmUp(task, (warm, count) -> {
                JobClient job = start(warm, count, new CountDownLatch(0));
                return () -> {
                    job.cancel().get(30, TimeUnit.SECONDS);
                    job.getJobExecutionResult().handle((result, cancelled) -> result).get(30, TimeUnit.SECONDS);
                };
            });
        }
        LongAdder count = new LongAdder();
        CountDownLatch runs = new CountDownLatch(task.threads);
        JobClient job = start(task, count, runs);
        boolean[] stopping = new boolean[1];
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopping[0] = true;
            try {
                job.stopWithSavepoint(false, folder(task) + "/savepoint", SavepointFormatType.NATIVE).get(30, TimeUnit.SECONDS);
            } catch (Exception e) {
                e.printStackTrace();
                Runtime.getRuntime().halt(1);
            }
            Runtime.getRuntime().halt(0);
        }));
        job.getJobExecutionResult().whenComplete((result, e) -> {
            if (!stopping[0]) {
                System.err.println("the job ended: " + result);
                if (e != null) {
                    e.printStackTrace();
                }
                Runtime.getRuntime().halt(1);
            }
        });
        runs.await();
        while (task.records > 0 && count.sum() == 0) {
            Thread.sleep(1);
        }
        System.err.println("stream runs");
        new CountDownLatch(1).await(); // until it is stopped
    }

    private static String folder(CardScorer.Task task) {
        return Path.of(task.folder, task.name).toUri().toString();
    }

    /** The newest checkpoint that was completed, or null. */
    private static Path newest(CardScorer.Task task) throws IOException {
        Path folder = Path.of(task.folder, task.name);
        if (!Files.exists(folder)) {
            return null;
        }
        List<Path> complete = new ArrayList<>();
        try (Stream<Path> jobs = Files.list(folder)) {
            for (Path job : jobs.toList()) {
                try (Stream<Path> checkpoints = Files.list(job)) {
                    checkpoints.filter(c -> Files.exists(c.resolve("_metadata"))).forEach(complete::add);
                }
            }
        }
        Path newest = null;
        for (Path c : complete) {
            if (newest == null || Files.getLastModifiedTime(c.resolve("_metadata")).compareTo(Files.getLastModifiedTime(newest.resolve("_metadata"))) > 0) {
                newest = c;
            }
        }
        return newest;
    }

    private static JobClient start(CardScorer.Task task, LongAdder count, CountDownLatch runs) throws Exception {
        scored = count;
        open = runs;
        Configuration configuration = Configuration.fromMap(task.properties);
        configuration.setString("parallelism.default", String.valueOf(task.threads));
        configuration.setString("taskmanager.numberOfTaskSlots", String.valueOf(task.threads));
        configuration.setString("execution.checkpointing.interval", task.commitMillis + " ms");
        configuration.setString("execution.checkpointing.dir", folder(task));
        Path checkpoint = newest(task);
        if (checkpoint != null) {
            configuration.setString("execution.state-recovery.path", checkpoint.toUri().toString());
        }
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(task.threads, configuration);
        KafkaSource<Message> source = KafkaSource.<Message>builder()
                .setBootstrapServers(task.brokers)
                .setTopics(task.topic)
                .setGroupId(task.name)
                .setStartingOffsets(OffsetsInitializer.committedOffsets(OffsetResetStrategy.EARLIEST))
                .setProperties(under("consumer.", task))
                .setDeserializer(new Reader())
                .build();
        KafkaSink<Message> sink = KafkaSink.<Message>builder()
                .setBootstrapServers(task.brokers)
                .setKafkaProducerConfig(under("producer.", task))
                .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
                .setTransactionalIdPrefix(task.name)
                .setTransactionNamingStrategy(TransactionNamingStrategy.POOLING)
                .setRecordSerializer(new Writer(task.output))
                .build();
        env.fromSource(source, WatermarkStrategy.noWatermarks(), "messages")
                .map(new Scorer(task.model))
                .sinkTo(sink);
        return env.executeAsync(task.name);
    }

    private static Properties under(String prefix, CardScorer.Task task) {
        Properties properties = new Properties();
        task.properties.forEach((name, value) -> {
            if (name.startsWith(prefix)) {
                properties.put(name.substring(prefix.length()), value);
            }
        });
        return properties;
    }

    /** A message; its value is the prediction once it is scored. */
    public static final class Message {
        public byte[] key;
        public byte[] value;
        public String topic;
        public int partition;
        public long offset;
        public long timestamp;
    }

    private static final class Reader implements KafkaRecordDeserializationSchema<Message> {
        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Message> out) {
            Message m = new Message();
            m.key = record.key();
            m.value = record.value();
            m.topic = record.topic();
            m.partition = record.partition();
            m.offset = record.offset();
            m.timestamp = record.timestamp();
            out.collect(m);
        }

        @Override
        public TypeInformation<Message> getProducedType() {
            return TypeInformation.of(Message.class);
        }
    }

    private static final class Scorer extends RichMapFunction<Message, Message> {
        private final CardScorer.Model model;
        private transient CardScorer cards;
        private transient LongAdder count;

        Scorer(CardScorer.Model model) {
            this.model = model;
        }

        @Override
        public void open(OpenContext context) {
            cards = new CardScorer(model);
            count = scored;
            open.countDown();
        }

        @Override
        public Message map(Message m) {
            m.value = cards.score(m.key, m.value, m.topic, m.partition, m.offset, m.timestamp);
            count.increment();
            return m;
        }
    }

    private static final class Writer implements KafkaRecordSerializationSchema<Message>, KafkaDatasetFacetProvider {
        private final String topic;

        Writer(String topic) {
            this.topic = topic;
        }

        @Override
        public ProducerRecord<byte[], byte[]> serialize(Message m, KafkaSinkContext context, Long timestamp) {
            return new ProducerRecord<>(topic, null, m.timestamp, m.key, m.value);
        }

        @Override
        public Optional<KafkaDatasetFacet> getKafkaDatasetFacet() { // pooled transactions want to know the topic
            return Optional.of(new DefaultKafkaDatasetFacet(DefaultKafkaDatasetIdentifier.ofTopics(List.of(topic)), new Properties()));
        }
    }
}
