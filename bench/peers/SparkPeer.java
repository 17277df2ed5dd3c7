import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.spark.SparkStageInfo;
import org.apache.spark.SparkStatusTracker;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF6;
import org.apache.spark.sql.streaming.DataStreamReader;
import org.apache.spark.sql.streaming.DataStreamWriter;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryListener;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;
import scala.Option;

/**
 * The stream of pipeline creditcard by Spark Structured Streaming, all of it in this process. It works in micro-batches that
 * follow each other as soon as there are messages; or in real-time mode, where a task for each partition hands every record
 * on at once, and a batch is what lies between two checkpoints. Its sink for Kafka delivers at least once; there is no other.
 *
 * <p>It goes on from its checkpoint, if it has one. It says "stream runs" on standard error when its query waits for
 * messages or has scored one; and ends with 0 on SIGTERM. A message that it cannot read ends it.
 */
public final class SparkPeer {
    // Tasks run in this process: so they share these as statics.
    private static volatile CardScorer.Model model;
    private static volatile LongAdder scored;
    private static volatile boolean stopping;
    private static final ThreadLocal<CardScorer> CARDS = ThreadLocal.withInitial(() -> new CardScorer(model));

    public static void main(String[] args) throws Exception {
        CardScorer.Task task = CardScorer.Task.read();
        model = task.model;
        SparkSession.Builder builder = SparkSession.builder().master("local[" + task.threads + "]").appName(task.name)
                .config("spark.local.dir", Path.of(task.folder, "local").toString());
        task.properties.forEach((name, value) -> {
            if (name.startsWith("spark.")) {
                builder.config(name, value);
            }
        });
        SparkSession spark = builder.getOrCreate();
        spark.sparkContext().setLogLevel("OFF");
        spark.udf().register("score", (UDF6<byte[], byte[], String, Integer, Long, Long, byte[]>) SparkPeer::score, DataTypes.BinaryType);
        if (task.warmOutput != null) {
            CardScorer.warmUp(task, (warm, count) -> {
                StreamingQuery query = start(spark, warm, count);
                return query::stop;
            });
        }
        spark.streams().addListener(new Offsets(Admin.create(Map.of("bootstrap.servers", task.brokers)), task.name));
        LongAdder count = new LongAdder();
        StreamingQuery query = start(spark, task, count);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopping = true;
            try {
                query.stop();
            } catch (Exception e) {
                if (!spark.sparkContext().isStopped()) { // Spark has a hook of its own, and hooks run side by side
                    e.printStackTrace();
                    Runtime.getRuntime().halt(1);
                }
            }
            Runtime.getRuntime().halt(0);
        }));
        while (query.isActive() && count.sum() == 0 && (task.records > 0 || !waits(spark, task, query))) {
            Thread.sleep(1);
        }
        System.err.println("stream runs");
        try {
            query.awaitTermination();
            throw new IllegalStateException("the query ended");
        } catch (Exception e) {
            Thread.sleep(1000); // Spark's hook may have ended it before ours began
            unlessStopping(e);
        }
        new CountDownLatch(1).await(); // until our hook has ended the process
    }

    private static boolean realTime(CardScorer.Task task) {
        return "real-time".equals(task.properties.get("trigger"));
    }

    /** Tells whether a query waits for messages: in real-time mode its tasks do, one for each partition. */
    private static boolean waits(SparkSession spark, CardScorer.Task task, StreamingQuery query) {
        if (!realTime(task)) {
            return query.status().message().startsWith("Waiting for");
        }
        SparkStatusTracker tracker = spark.sparkContext().statusTracker();
        for (int stage : tracker.getActiveStageIds()) {
            Option<SparkStageInfo> info = tracker.getStageInfo(stage);
            if (info.isDefined() && info.get().numActiveTasks() == task.threads) {
                return true;
            }
        }
        return false;
    }

    private static void unlessStopping(Exception e) {
        if (!stopping) {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    private static byte[] score(byte[] key, byte[] value, String topic, int partition, long offset, long timestamp) {
        byte[] prediction = CARDS.get().score(key, value, topic, partition, offset, timestamp);
        scored.increment();
        return prediction;
    }

    private static StreamingQuery start(SparkSession spark, CardScorer.Task task, LongAdder count) throws Exception {
        scored = count;
        DataStreamReader from = spark.readStream().format("kafka")
                .option("kafka.bootstrap.servers", task.brokers)
                .option("subscribe", task.topic)
                .option("startingOffsets", "earliest");
        task.properties.forEach((name, value) -> {
            if (name.startsWith("consumer.")) {
                from.option("kafka." + name.substring("consumer.".length()), value);
            }
        });
        Dataset<Row> predictions = from.load().selectExpr("key", "score(key, value, topic, partition, offset, unix_millis(timestamp)) AS value");
        DataStreamWriter<Row> to = predictions.writeStream().format("kafka")
                .option("kafka.bootstrap.servers", task.brokers)
                .option("topic", task.output)
                .option("checkpointLocation", Path.of(task.folder, task.name).toString());
        if (realTime(task)) {
            to.outputMode("update").trigger(Trigger.RealTime(task.commitMillis));
        } else {
            to.trigger(Trigger.ProcessingTime(task.commitMillis));
        }
        task.properties.forEach((name, value) -> {
            if (name.startsWith("producer.")) {
                to.option("kafka." + name.substring("producer.".length()), value);
            } else if (name.startsWith("sink.")) {
                to.option(name.substring("sink.".length()), value);
            }
        });
        return to.start();
    }

    /** Commits to a group of Kafka where the query is, so that one can watch it: Spark keeps its offsets to itself. */
    private static final class Offsets extends StreamingQueryListener {
        private final ObjectMapper json = new ObjectMapper();
        private final Admin admin;
        private final String group;

        Offsets(Admin admin, String group) {
            this.admin = admin;
            this.group = group;
        }

        @Override
        public void onQueryStarted(QueryStartedEvent event) {
        }

        @Override
        public void onQueryProgress(QueryProgressEvent event) {
            try {
                JsonNode topics = json.readTree(event.progress().sources()[0].endOffset());
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                topics.fields().forEachRemaining(topic -> topic.getValue().fields().forEachRemaining(partition -> offsets.put(
                        new TopicPartition(topic.getKey(), Integer.parseInt(partition.getKey())), new OffsetAndMetadata(partition.getValue().asLong()))));
                admin.alterConsumerGroupOffsets(group, offsets).all().get();
            } catch (Exception e) {
                unlessStopping(e);
            }
        }

        @Override
        public void onQueryTerminated(QueryTerminatedEvent event) {
        }
    }
}
