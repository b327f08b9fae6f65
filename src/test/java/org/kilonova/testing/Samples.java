package org.kilonova.testing;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;

/**
 * Makes values of records by their shape: of a record some that together show each of the values of
 * each component, of a sealed interface all its records. So a test that goes over them cannot miss
 * a new message or a new component.
 */
public final class Samples {
  private final Map<Class<?>, List<?>> given;

  /**
   * A source.
   *
   * @param given values of types that cannot be made by their shape
   */
  public Samples(Map<Class<?>, List<?>> given) {
    this.given = given;
  }

  /** Values of a type. */
  public List<?> of(Type type) {
    if (type instanceof ParameterizedType p) {
      return ofParameterized((Class<?>) p.getRawType(), p.getActualTypeArguments());
    }
    Class<?> c = (Class<?>) type;
    if (given.containsKey(c)) {
      return given.get(c);
    } else if (c.isEnum()) {
      return List.of(c.getEnumConstants());
    } else if (c.isRecord()) {
      return ofRecord(c);
    } else if (c.isSealed()) {
      return Arrays.stream(c.getPermittedSubclasses()).flatMap(s -> of(s).stream()).toList();
    }
    return ofPlain(c);
  }

  private static List<?> ofPlain(Class<?> c) {
    if (c == String.class) {
      return Arrays.asList("tëxt", null);
    } else if (c == int.class || c == Integer.class) {
      return List.of(7);
    } else if (c == long.class || c == Long.class) {
      return List.of(7_000_000_000L);
    } else if (c == double.class) {
      return List.of(1.5);
    } else if (c == boolean.class) {
      return List.of(true, false);
    } else if (c == byte[].class) {
      return List.of(new byte[] {0, -1, 2});
    } else if (c == Object.class) {
      return List.of(Map.of("nested", List.of("text", 7, true)));
    } else if (c == UUID.class) {
      return List.of(UUID.fromString("11111111-2222-3333-4444-555555555555"));
    } else if (c == Instant.class) {
      return Arrays.asList(Instant.parse("2026-11-21T10:11:12.123456Z"), null);
    } else if (c == Duration.class) {
      return List.of(Duration.ofMillis(1500));
    }
    throw new IllegalArgumentException("no sample of " + c);
  }

  private List<?> ofParameterized(Class<?> raw, Type[] arguments) {
    if (given.containsKey(raw)) {
      return given.get(raw);
    }
    List<?> elements = of(arguments[0]).stream().filter(e -> e != null).toList();
    if (raw == List.class) {
      return List.of(elements, List.of());
    } else if (raw == Set.class) {
      return List.of(Set.copyOf(elements), Set.of());
    } else if (raw == Map.class) {
      return List.of(Map.of(elements.get(0), of(arguments[1]).get(0)), Map.of());
    }
    throw new IllegalArgumentException("no sample of " + raw);
  }

  private List<?> ofRecord(Class<?> type) {
    RecordComponent[] components = type.getRecordComponents();
    List<List<?>> values = new ArrayList<>();
    for (RecordComponent component : components) {
      List<Object> choices = new ArrayList<>(of(component.getGenericType()));
      if (component.getType().isRecord()) {
        choices.add(null);
      }
      values.add(choices);
    }
    int count = values.stream().mapToInt(List::size).max().orElse(1);
    List<Object> made = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int n = i;
      Object[] arguments =
          values.stream().map(v -> (Object) v.get(n % v.size())).toArray(Object[]::new);
      Object value = construct(type, components, arguments);
      if (value != null) {
        made.add(value);
      }
    }
    if (made.isEmpty()) {
      throw new IllegalStateException("no sample of " + type);
    }
    return made;
  }

  /** Null if the record does not take these. */
  private static Object construct(Class<?> type, RecordComponent[] components, Object[] arguments) {
    try {
      Class<?>[] types =
          IntStream.range(0, components.length)
              .mapToObj(i -> components[i].getType())
              .toArray(Class<?>[]::new);
      Constructor<?> constructor = type.getDeclaredConstructor(types);
      constructor.setAccessible(true);
      return constructor.newInstance(arguments);
    } catch (InvocationTargetException refused) {
      return null;
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
