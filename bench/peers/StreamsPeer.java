import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.RecordMetadata;

/**
 * The stream of pipeline creditcard by Kafka Streams, as a careful user would write it: Jackson's streaming parser and
 * generator, the networks as plain loops over flat arrays that the compiler vectorises, no allocation that is easily
 * saved. It reads the same messages, scores by the same model and writes the same predictions as the worker.
 *
 * <p>Its task comes as JSON on standard input. It says "stream runs" on standard error when it has its partitions, and
 * ends with 0 on SIGTERM. A message that it cannot read ends it, which none of the benchmark's does.
 */
public final class StreamsPeer {
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER)
            .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
            .build();

    /** What it is told. */
    public static final class Task {
        public Map<String, String> properties;
        public String topic;
        public String output;
        public String warmOutput; // not null: the topic is drained to this one before, so that the JVM has compiled everything
        public long records; // of the topic, for that
        public Model model;
    }

    /** The numbers of internal/model.Model. */
    public static final class Model {
        public String name;
        public String version;
        public String positive;
        public String negative;
        public float threshold;
        public List<String> features;
        public boolean[] signedLog;
        public float[] mean;
        public float[] scale;
        public float clip;
        public Layer[][] members;
    }

    /** y = x * weights + bias; weights are [in, out], row by row. */
    public static final class Layer {
        public int in;
        public int out;
        public float[] weights;
        public float[] bias;
    }

    public static void main(String[] args) throws Exception {
        Task task = new ObjectMapper().readValue(System.in, Task.class);
        if (task.warmOutput != null) {
            warmUp(task);
        }
        CountDownLatch runs = new CountDownLatch(1);
        KafkaStreams streams = start(task, "", task.output, new LongAdder(), runs);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            boolean closed = streams.close(Duration.ofSeconds(30));
            Runtime.getRuntime().halt(closed ? 0 : 1);
        }));
        runs.await();
        System.err.println("stream runs");
    }

    /** Drains the topic until the compilers rest meanwhile, or five times. */
    private static void warmUp(Task task) throws InterruptedException {
        CompilationMXBean compilers = ManagementFactory.getCompilationMXBean();
        double share = 1;
        for (int n = 1; n <= 5 && share > 0.1; n++) {
            long begun = System.nanoTime();
            long before = compilers.getTotalCompilationTime();
            LongAdder scored = new LongAdder();
            KafkaStreams warm = start(task, "-warm-" + n, task.warmOutput, scored, new CountDownLatch(1));
            while (scored.sum() < task.records) {
                Thread.sleep(20);
            }
            warm.close(Duration.ofSeconds(30));
            share = (compilers.getTotalCompilationTime() - before) * 1e6 / (System.nanoTime() - begun);
            System.err.printf("warm-up %d: compilers took %.2f cores%n", n, share);
        }
    }

    private static KafkaStreams start(Task task, String suffix, String output, LongAdder scored, CountDownLatch runs) {
        Properties properties = new Properties();
        properties.putAll(task.properties);
        properties.merge(StreamsConfig.APPLICATION_ID_CONFIG, suffix, (id, more) -> id + (String) more);
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(task.topic, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .processValues(() -> new Scorer(task, scored))
                .to(output, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
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
        private final Model model;
        private final LongAdder scored;
        private final Map<String, Integer> columns = new HashMap<>();
        private final int[] order; // of the message's columns
        private final float[] row;
        private final float[][] hidden;
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
        private FixedKeyProcessorContext<byte[], byte[]> context;
        private long id;

        Scorer(Task task, LongAdder scored) {
            this.model = task.model;
            this.scored = scored;
            for (String name : model.features) {
                columns.put(name, columns.size());
            }
            order = new int[columns.size()];
            row = new float[columns.size()];
            int widest = 0;
            for (Layer[] member : model.members) {
                for (Layer layer : member) {
                    widest = Math.max(widest, layer.out);
                }
            }
            hidden = new float[2][widest];
        }

        @Override
        public void init(FixedKeyProcessorContext<byte[], byte[]> context) {
            this.context = context;
        }

        @Override
        public void process(FixedKeyRecord<byte[], byte[]> record) {
            try {
                parse(record.value());
                byte[] prediction = prediction(record, probability());
                context.forward(record.withValue(prediction));
            } catch (IOException e) {
                throw new IllegalArgumentException("cannot read a message", e);
            }
            scored.increment();
        }

        private void parse(byte[] value) throws IOException {
            try (JsonParser p = JSON.createParser(value)) {
                p.nextToken();
                while (p.nextToken() == JsonToken.FIELD_NAME) {
                    String name = p.currentName();
                    JsonToken first = p.nextToken();
                    if (name.equals("columns")) {
                        for (int i = 0; p.nextToken() == JsonToken.VALUE_STRING; i++) {
                            order[i] = columns.get(p.getText());
                        }
                    } else if (name.equals("data")) {
                        p.nextToken(); // the only row
                        for (int i = 0; p.nextToken() != JsonToken.END_ARRAY; i++) {
                            row[order[i]] = p.getFloatValue();
                        }
                        p.nextToken();
                    } else if (name.equals("id")) {
                        id = p.getLongValue();
                    } else {
                        throw new IOException("unknown field " + name + " with " + first);
                    }
                }
            }
        }

        private float probability() {
            for (int j = 0; j < row.length; j++) {
                float v = row[j];
                if (model.signedLog[j]) {
                    v = Math.copySign((float) Math.log1p(Math.abs(v)), v);
                }
                v = (v - model.mean[j]) * model.scale[j];
                row[j] = Math.max(-model.clip, Math.min(model.clip, v));
            }
            float sum = 0;
            for (Layer[] member : model.members) {
                float[] in = row;
                for (int l = 0; l < member.length; l++) {
                    float[] out = hidden[l % 2];
                    multiply(member[l], in, out, l < member.length - 1);
                    in = out;
                }
                sum += (float) (1 / (1 + Math.exp(-in[0])));
            }
            return sum / model.members.length;
        }

        private static void multiply(Layer layer, float[] in, float[] out, boolean rectify) {
            int width = layer.out;
            System.arraycopy(layer.bias, 0, out, 0, width);
            float[] weights = layer.weights;
            int i = 0;
            for (; i + 4 <= layer.in; i += 4) { // four at a time: a quarter of the loads and stores of out
                float x0 = in[i];
                float x1 = in[i + 1];
                float x2 = in[i + 2];
                float x3 = in[i + 3];
                int from0 = i * width;
                int from1 = from0 + width;
                int from2 = from1 + width;
                int from3 = from2 + width;
                for (int j = 0; j < width; j++) {
                    out[j] += x0 * weights[from0 + j] + x1 * weights[from1 + j] + x2 * weights[from2 + j] + x3 * weights[from3 + j];
                }
            }
            for (; i < layer.in; i++) {
                float x = in[i];
                int from = i * width;
                for (int j = 0; j < width; j++) {
                    out[j] += x * weights[from + j];
                }
            }
            if (rectify) {
                for (int j = 0; j < width; j++) {
                    out[j] = Math.max(out[j], 0);
                }
            }
        }

        private byte[] prediction(FixedKeyRecord<byte[], byte[]> record, float probability) throws IOException {
            RecordMetadata place = context.recordMetadata().orElseThrow();
            bytes.reset();
            try (JsonGenerator g = JSON.createGenerator(bytes)) {
                g.writeStartObject();
                g.writeStringField("id", new String(record.key(), StandardCharsets.UTF_8));
                g.writeNumberField("source_id", id);
                g.writeNumberField("probability", probability);
                g.writeStringField("decision", probability >= model.threshold ? model.positive : model.negative);
                g.writeNumberField("threshold", model.threshold);
                g.writeStringField("model", model.name);
                g.writeStringField("model_version", model.version);
                g.writeStringField("topic", place.topic());
                g.writeNumberField("partition", place.partition());
                g.writeNumberField("offset", place.offset());
                g.writeNumberField("row", 0);
                g.writeStringField("event_time", Instant.ofEpochMilli(record.timestamp()).toString());
                g.writeStringField("scored_at", Instant.ofEpochMilli(System.currentTimeMillis()).toString());
                g.writeEndObject();
            }
            return bytes.toByteArray();
        }
    }
}
