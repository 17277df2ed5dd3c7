import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * The work of pipeline creditcard, one message after the other, for a stream processor in Java: as a careful user would
 * write it, with Jackson's streaming parser and generator, the networks as plain loops over flat arrays that the compiler
 * vectorises, and no allocation that is easily saved. It reads the same messages, scores by the same model and writes the
 * same predictions as the worker. One thread at a time may use it.
 */
final class CardScorer {
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER)
            .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
            .build();

    /** What the program is told, as JSON on standard input. */
    static final class Task {
        public String name; // of the application: group, prefix of transactional ids
        public String brokers;
        public String topic;
        public String output;
        public String folder; // for files of its own
        public int threads;
        public long commitMillis;
        public Map<String, String> properties;
        public String warmOutput; // not null: the topic is drained to this one before, so that the JVM has compiled everything
        public long records; // of the topic, where it is drained; 0: messages come later
        public Model model;

        static Task read() throws IOException {
            return new ObjectMapper().readValue(System.in, Task.class);
        }

        /** The same under another name and to another topic. */
        Task under(String name, String output) {
            Task t = new Task();
            t.name = name;
            t.brokers = brokers;
            t.topic = topic;
            t.output = output;
            t.folder = folder;
            t.threads = threads;
            t.commitMillis = commitMillis;
            t.properties = properties;
            t.records = records;
            t.model = model;
            return t;
        }
    }

    /** The numbers of internal/model.Model. */
    static final class Model implements Serializable {
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
    static final class Layer implements Serializable {
        public int in;
        public int out;
        public float[] weights;
        public float[] bias;
    }

    /** Starts the stream of a task, which counts what it has scored. */
    interface Starter {
        AutoCloseable start(Task task, LongAdder scored) throws Exception;
    }

    /** Drains the topic until the compilers rest meanwhile, or five times. */
    static void warmUp(Task task, Starter starter) throws Exception {
        CompilationMXBean compilers = ManagementFactory.getCompilationMXBean();
        double share = 1;
        for (int n = 1; n <= 5 && share > 0.1; n++) {
            long begun = System.nanoTime();
            long before = compilers.getTotalCompilationTime();
            LongAdder scored = new LongAdder();
            try (AutoCloseable warm = starter.start(task.under(task.name + "-warm-" + n, task.warmOutput), scored)) {
                while (scored.sum() < task.records) {
                    Thread.sleep(20);
                }
            }
            share = (compilers.getTotalCompilationTime() - before) * 1e6 / (System.nanoTime() - begun);
            System.err.printf("warm-up %d: compilers took %.2f cores%n", n, share);
        }
    }

    private final Model model;
    private final Map<String, Integer> columns = new HashMap<>();
    private final int[] order; // of the message's columns
    private final float[] row;
    private final float[][] hidden;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
    private long id;

    CardScorer(Model model) {
        this.model = model;
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

    /** The prediction of a message. One that cannot be read is an IllegalArgumentException; none of the benchmark's is. */
    byte[] score(byte[] key, byte[] value, String topic, int partition, long offset, long timestamp) {
        try {
            parse(value);
            return prediction(key, topic, partition, offset, timestamp, probability());
        } catch (IOException e) {
            throw new IllegalArgumentException("cannot read a message", e);
        }
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

    private byte[] prediction(byte[] key, String topic, int partition, long offset, long timestamp, float probability) throws IOException {
        bytes.reset();
        try (JsonGenerator g = JSON.createGenerator(bytes)) {
            g.writeStartObject();
            g.writeStringField("id", new String(key, StandardCharsets.UTF_8));
            g.writeNumberField("source_id", id);
            g.writeNumberField("probability", probability);
            g.writeStringField("decision", probability >= model.threshold ? model.positive : model.negative);
            g.writeNumberField("threshold", model.threshold);
            g.writeStringField("model", model.name);
            g.writeStringField("model_version", model.version);
            g.writeStringField("topic", topic);
            g.writeNumberField("partition", partition);
            g.writeNumberField("offset", offset);
            g.writeNumberField("row", 0);
            g.writeStringField("event_time", Instant.ofEpochMilli(timestamp).toString());
            g.writeStringField("scored_at", Instant.ofEpochMilli(System.currentTimeMillis()).toString());
            g.writeEndObject();
        }
        return bytes.toByteArray();
    }
}
