import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The light fold on one thread, exactly_once_v2: decode JSON, four fields, RocksDB with a changelog, one fact an event.
 *
 * Arguments: BOOTSTRAP, input topic, output topic, partitions, an empty directory, and NAME=VALUE for Streams' settings;
 * "cached=true" puts Streams' own cache before the store.
 */
public final class LightFold implements Processor<byte[], byte[], byte[], byte[]> {
    private static final String STORE = "state";
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JsonFactory WRITER = JSON.getFactory();
    private static final DateTimeFormatter TIME = new DateTimeFormatterBuilder().appendInstant(3).toFormatter();

    private final MessageDigest digest = md5();
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> store;
    private long lastMillisecond = -1;
    private String time = "";

    @Override
    public void init(ProcessorContext<byte[], byte[]> given) {
        context = given;
        store = given.getStateStore(STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        try {
            JsonNode event = JSON.readTree(record.value());
            String subject = event.get("subject").textValue();
            byte[] key = subject.getBytes(StandardCharsets.UTF_8);
            byte[] before = store.get(key);
            long count = (before == null ? 0 : JSON.readTree(before).get(0).longValue()) + 1;
            long offset = context.recordMetadata().orElseThrow().offset();
            JsonNode fields = event.get("data").get("fields");
            store.put(key, state(count, offset, fields));
            context.forward(record.withKey(key).withValue(fact(event, subject, count, fields)));
        } catch (IOException notJson) {
            throw new UncheckedIOException(notJson);
        }
    }

    private static byte[] state(long count, long offset, JsonNode fields) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream(64);
        try (JsonGenerator json = WRITER.createGenerator(out)) {
            json.writeStartArray();
            json.writeNumber(count);
            json.writeNumber(offset);
            json.writeNumber(fields.get("counter").longValue());
            json.writeString(fields.get("city").textValue());
            json.writeEndArray();
        }
        return out.toByteArray();
    }

    private byte[] fact(JsonNode event, String subject, long sequence, JsonNode fields) throws IOException {
        String cause = event.get("id").textValue();
        ByteArrayOutputStream out = new ByteArrayOutputStream(512);
        try (JsonGenerator json = WRITER.createGenerator(out)) {
            json.writeStartObject();
            json.writeStringField("specversion", "1.0");
            json.writeStringField("id", id(subject + '\0' + sequence + '\0' + cause));
            json.writeStringField("source", "/recado/engine");
            json.writeStringField("type", "recado.contact.fields_changed.v1");
            json.writeStringField("subject", subject);
            json.writeStringField("time", now());
            json.writeNumberField("sequence", sequence);
            json.writeStringField("causationid", cause);
            json.writeStringField("causationsource", event.get("source").textValue());
            json.writeObjectFieldStart("data");
            json.writeFieldName("set");
            JSON.writeTree(json, fields);
            json.writeArrayFieldStart("removed");
            json.writeEndArray();
            json.writeEndObject();
            json.writeEndObject();
        }
        return out.toByteArray();
    }

    /** 128 bits, as the engine's; MD5, because Java has no BLAKE2b of its own and this is the quicker one there. */
    private String id(String named) {
        return HexFormat.of().formatHex(digest.digest(named.getBytes(StandardCharsets.UTF_8)));
    }

    private String now() {
        long millisecond = System.currentTimeMillis();
        if (millisecond != lastMillisecond) {
            lastMillisecond = millisecond;
            time = TIME.format(Instant.ofEpochMilli(millisecond));
        }
        return time;
    }

    private static MessageDigest md5() {
        try {
            return MessageDigest.getInstance("MD5");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    public static void main(String[] arguments) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[2]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[4]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put("auto.offset.reset", "earliest");
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        for (int at = 5; at < arguments.length; at++) {
            String[] pair = arguments[at].split("=", 2);
            settings.put(pair[0], pair[1]);
        }
        var store = Stores.keyValueStoreBuilder(
            Stores.persistentKeyValueStore(STORE), Serdes.ByteArray(), Serdes.ByteArray());
        if ("true".equals(settings.remove("cached"))) {
            store = store.withCachingEnabled();
        }
        Topology topology = new Topology();
        topology.addSource("in", arguments[1]);
        topology.addProcessor("fold", LightFold::new, "in");
        topology.addStateStore(store, "fold");
        topology.addSink("out", arguments[2], "fold");
        KafkaStreams streams = new KafkaStreams(topology, settings);
        streams.setUncaughtExceptionHandler(failure -> {
            failure.printStackTrace();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
    }
}
