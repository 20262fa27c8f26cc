import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Map;
import java.util.Scanner;
import java.util.UUID;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Writes `overlay.completed`: one event for each line of standard input, a JSON object with the overlay's texts.
 *
 * <p>Arguments: bootstrap servers, topic. A producer adds an id, the time, and a trace to be continued.
 */
class UpstreamProducer {
    static final ObjectMapper JSON = new ObjectMapper();
    static final SecureRandom RANDOM = new SecureRandom();

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", arguments[0], "acks", "all");
        var strings = new StringSerializer();
        try (var producer = new KafkaProducer<String, String>(settings, strings, strings);
                var lines = new Scanner(System.in, StandardCharsets.UTF_8)) {
            while (lines.hasNextLine()) {
                producer.send(completed(arguments[1], (ObjectNode) JSON.readTree(lines.nextLine()))).get();
            }
        }
    }

    static ProducerRecord<String, String> completed(String topic, ObjectNode overlay) throws Exception {
        ObjectNode event = JSON.createObjectNode();
        event.put("event_id", UUID.randomUUID().toString());
        event.put("event_type", "overlay.completed");
        event.put("occurred_at", Instant.now().toString());
        event.setAll(overlay);
        // the key keeps an overlay's events in order; the consumer would take any
        String key = overlay.get("overlay_id").asText();
        var record = new ProducerRecord<String, String>(topic, key, JSON.writeValueAsString(event));
        record.headers().add("content-type", "application/json".getBytes(StandardCharsets.US_ASCII));
        record.headers().add("traceparent", traceparent().getBytes(StandardCharsets.US_ASCII));
        return record;
    }

    /** Begins a trace, as W3C Trace Context spells it; with OpenTelemetry it is what its propagator writes. */
    static String traceparent() {
        return "00-" + randomHex(16) + "-" + randomHex(8) + "-01";
    }

    static String randomHex(int length) {
        byte[] bytes = new byte[length];
        RANDOM.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }
}
