package org.kilonova.api.http;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.kilonova.api.http.Route.Access;
import org.kilonova.api.http.Route.Body;

/**
 * The routes below one path of a service, e.g. {@code /compute/v2.1}. Built once, then only read.
 */
public final class Mount {
  private static final Pattern PROJECT = Pattern.compile("[0-9a-f-]{32,36}");

  /** A place in the tree of path segments. */
  private static final class Node {
    private final Map<String, Node> literals = new HashMap<>();
    private Node variable;
    private final List<Route> routes = new ArrayList<>(2);
  }

  /**
   * What a path leads to.
   *
   * @param routes all routes of the path, any method and version; never empty
   * @param project the project that stands in the path, or null
   */
  record Found(List<Route> routes, List<String> segments, String project) {}

  private final String path;
  private final List<String> segments;
  private final List<Route> routes = new ArrayList<>();
  private final Node root = new Node();
  private boolean optionalProject;
  private boolean ignoresMicroversions;

  Mount(String path) {
    this.path = path;
    this.segments = List.copyOf(Paths.split(path));
  }

  /**
   * The routes are a project's: they need a token with that scope (except open ones), and its id
   * may stand before the resource, as in {@code /v2.1/{project_id}/servers}.
   */
  public Mount optionalProject() {
    optionalProject = true;
    return this;
  }

  /** Microversion headers are ignored and unknown keys of bodies dropped: Nova's /v2. */
  public Mount ignoresMicroversions() {
    ignoresMicroversions = true;
    return this;
  }

  boolean isOfProject() {
    return optionalProject;
  }

  boolean isLegacy() {
    return ignoresMicroversions;
  }

  String path() {
    return path;
  }

  List<String> segments() {
    return segments;
  }

  /** All routes, in the order of the table. */
  public List<Route> routes() {
    return List.copyOf(routes);
  }

  /** For any valid token. */
  public Mount get(String template, Handler handler) {
    return route(Method.GET, template).to(handler);
  }

  /** A member's POST with a JSON body. */
  public Mount post(String template, Function<Microversion, Schema> schema, Handler handler) {
    return route(Method.POST, template).json(schema).to(handler);
  }

  /** A member's PUT with a JSON body. */
  public Mount put(String template, Function<Microversion, Schema> schema, Handler handler) {
    return route(Method.PUT, template).json(schema).to(handler);
  }

  /** A member's DELETE. */
  public Mount delete(String template, Handler handler) {
    return route(Method.DELETE, template).to(handler);
  }

  /** A route with more to say. */
  public Builder route(Method method, String template) {
    return new Builder(method, template);
  }

  /** Adds the routes of another mount, e.g. those of /v2.1 to /v2. */
  public Mount sameAs(Mount other) {
    other.routes.forEach(this::add);
    return this;
  }

  private void add(Route route) {
    routes.add(route);
    Node node = root;
    for (String segment : route.segments()) {
      if (segment.startsWith("{")) {
        if (node.variable == null) {
          node.variable = new Node();
        }
        node = node.variable;
      } else {
        node = node.literals.computeIfAbsent(segment, s -> new Node());
      }
    }
    node.routes.add(route);
  }

  /** Finds what a path leads to, or null. */
  Found find(List<String> segments) {
    Node node = find(root, segments, 0);
    if (node != null) {
      return new Found(node.routes, segments, null);
    }
    if (optionalProject && segments.size() > 1 && !root.literals.containsKey(segments.get(0))) {
      List<String> rest = segments.subList(1, segments.size());
      node = find(root, rest, 0);
      return node == null ? null : new Found(node.routes, rest, segments.get(0));
    }
    return null;
  }

  private static Node find(Node node, List<String> segments, int at) {
    if (at == segments.size()) {
      return node.routes.isEmpty() ? null : node;
    }
    Node literal = node.literals.get(segments.get(at));
    if (literal != null) {
      Node found = find(literal, segments, at + 1);
      if (found != null) {
        return found;
      }
    }
    return node.variable == null ? null : find(node.variable, segments, at + 1);
  }

  /** Ids of projects are 32 hexadecimal digits, or uuids. */
  static boolean looksLikeProject(String segment) {
    return PROJECT.matcher(segment).matches();
  }

  static Map<String, String> variables(Route route, List<String> segments) {
    Map<String, String> variables = new LinkedHashMap<>();
    List<String> template = route.segments();
    for (int i = 0; i < template.size(); i++) {
      String segment = template.get(i);
      if (segment.startsWith("{")) {
        variables.put(segment.substring(1, segment.length() - 1), segments.get(i));
      }
    }
    return variables;
  }

  /** Builds a route; {@link #to} ends it. */
  public final class Builder {
    private final Method method;
    private final String template;
    private Microversion since;
    private Microversion until;
    private Access access;
    private Body body = Body.NONE;
    private Function<Microversion, Schema> schema;

    private Builder(Method method, String template) {
      this.method = method;
      this.template = template;
      this.access = method == Method.GET || method == Method.HEAD ? Access.TOKEN : Access.MEMBER;
    }

    /** First microversion that has it. */
    public Builder since(String version) {
      since = Microversion.of(version);
      return this;
    }

    /** Last microversion that has it. */
    public Builder until(String version) {
      until = Microversion.of(version);
      return this;
    }

    /** Without a token. */
    public Builder open() {
      access = Access.OPEN;
      return this;
    }

    /** Any valid token, whatever the method. */
    public Builder token() {
      access = Access.TOKEN;
      return this;
    }

    public Builder admin() {
      access = Access.ADMIN;
      return this;
    }

    /** With a JSON body that is not checked against a schema. */
    public Builder json() {
      body = Body.JSON;
      return this;
    }

    public Builder json(Schema always) {
      return json(version -> always);
    }

    /** With a JSON body; the schema depends on the microversion (null where there are none). */
    public Builder json(Function<Microversion, Schema> byVersion) {
      body = Body.JSON;
      schema = byVersion;
      return this;
    }

    /** With a body that the handler reads as a stream. */
    public Builder stream() {
      body = Body.STREAM;
      return this;
    }

    /** An API that was removed: 410 for everybody who has a token. */
    public Mount gone() {
      return token().to(Route.GONE);
    }

    /** Ends the route. */
    public Mount to(Handler handler) {
      add(
          new Route(
              method,
              template,
              List.copyOf(Paths.split(template)),
              since,
              until,
              access,
              body,
              schema,
              handler));
      return Mount.this;
    }
  }
}
