package org.kilonova.instance;

import static java.util.stream.Collectors.joining;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.kilonova.instance.InstanceTransitions.Transition;

/**
 * Draws {@code docs/instance-states.md} from the transition table. {@code InstanceDiagramTest}
 * fails when the committed page is another one; {@code -Dkilonova.docs.write=true} makes it write
 * the page instead.
 */
final class InstanceDiagram {
  static final Path PAGE = Path.of("docs", "instance-states.md");

  private InstanceDiagram() {}

  /** The whole page. */
  static String page() {
    return """
        <!-- Generated from InstanceTransitions; do not edit. After a change of the table:
             mvn -q test -Dtest=InstanceDiagramTest -Dkilonova.docs.write=true -->
        # The states of an instance

        Drawn from the one transition table (`org.kilonova.instance.InstanceTransitions`). The boxes are its
        phases, the arrows the events in the journal. Every arrow is taken by a test, and what is not here
        throws.

        `SPAWNING --> ACTIVATING` is the commit point: before it an attempt can be abandoned and another one
        begun on another host; after it only the attempt that the journal names is ever resumed.

        ```mermaid
        stateDiagram-v2
        %s
        ```

        ## Events that change the instance and not its phase

        | event | in |
        | --- | --- |
        %s
        """
        .formatted(
            arrows().collect(joining("\n")).indent(4).stripTrailing(),
            loops().entrySet().stream()
                .map(e -> "| `" + e.getKey() + "` | " + e.getValue() + " |")
                .collect(joining("\n")));
  }

  static void write() throws IOException {
    Files.writeString(PAGE, page());
  }

  private static Stream<String> arrows() {
    Map<String, List<Transition>> byEnds =
        InstanceTransitions.all().stream()
            .filter(t -> t.from() != t.to())
            .sorted(Comparator.comparing(Transition::from).thenComparing(Transition::to))
            .collect(
                Collectors.groupingBy(
                    t -> name(t.from()) + " --> " + t.to(),
                    LinkedHashMap::new,
                    Collectors.toList()));
    return byEnds.entrySet().stream()
        .map(
            e ->
                e.getKey()
                    + ": "
                    + e.getValue().stream()
                        .map(t -> t.event().getSimpleName())
                        .sorted()
                        .collect(joining(", ")));
  }

  /** Event to the phases in which it leads nowhere else. */
  private static Map<String, String> loops() {
    Map<String, String> loops = new TreeMap<>();
    InstanceTransitions.all().stream()
        .filter(t -> t.from() == t.to())
        .collect(Collectors.groupingBy(t -> t.event().getSimpleName()))
        .forEach(
            (event, rows) ->
                loops.put(
                    event,
                    Arrays.stream(Phase.values())
                        .filter(p -> rows.stream().anyMatch(t -> t.from() == p))
                        .map(p -> p.name().toLowerCase(Locale.ROOT))
                        .collect(joining(", "))));
    return loops;
  }

  private static String name(Phase phase) {
    return phase == Phase.ABSENT ? "[*]" : phase.name();
  }
}
