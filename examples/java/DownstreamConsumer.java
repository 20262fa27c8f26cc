import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads `instagram_feed.created` as a publisher does, and prints what it would publish, a JSON line for each post.
 *
 * <p>Arguments: bootstrap servers, topic, group. Events come at least once, so copies are told by their event_id.
 * This one remembers ids in memory; a real publisher keeps them with what it has published, in one transaction.
 */
class DownstreamConsumer {
    static final ObjectMapper JSON = new ObjectMapper();
    static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings =
                Map.of(
                        "bootstrap.servers", arguments[0],
                        "group.id", arguments[2],
                        "auto.offset.reset", "earliest",
                        "enable.auto.commit", "false");
        Set<String> published = new HashSet<>();
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(arguments[1]));
            while (true) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    JsonNode event = JSON.readTree(record.value());
                    if ("instagram_feed.created".equals(header(record, "ce_type"))
                            && published.add(event.get("event_id").asText())) {
                        OUT.println(publication(event, header(record, "traceparent")));
                    }
                }
                consumer.commitSync();
            }
        }
    }

    /** What a publisher takes from an event; fields it does not know it leaves alone. */
    static ObjectNode publication(JsonNode event, String traceparent) {
        ObjectNode publication = JSON.createObjectNode();
        for (String name : List.of("instagram_feed_id", "overlay_id", "revision")) {
            publication.set(name, event.get(name));
        }
        for (String name : List.of("caption", "is_ai_generated")) {
            publication.set(name, event.get("publishing").get(name));
        }
        return publication.put("traceparent", traceparent);
    }

    static String header(ConsumerRecord<String, String> record, String name) {
        var header = record.headers().lastHeader(name);
        return header == null ? null : new String(header.value(), StandardCharsets.UTF_8);
    }
}
