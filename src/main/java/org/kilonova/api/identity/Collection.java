package org.kilonova.api.identity;

import static org.kilonova.api.http.Method.DELETE;
import static org.kilonova.api.http.Method.GET;
import static org.kilonova.api.http.Method.PATCH;
import static org.kilonova.api.http.Method.POST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiPredicate;
import java.util.function.Function;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Handler;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.identity.IdentityException;
import org.kilonova.identity.Store;

/**
 * The five routes that all resources of the identity API have.
 *
 * @param access what they do
 * @param own whether the resource (by its id) is the caller's own, which it may look at
 * @param openList any token may read the list
 */
record Collection<T>(
    String singular,
    String plural,
    Access<T> access,
    Map<String, Filter> filters,
    Function<T, ObjectNode> view,
    BiPredicate<Call, String> own,
    boolean openList) {

  /** How a query parameter is compared with a column. */
  enum Filter {
    TEXT,
    BOOLEAN
  }

  /** The resource's store, or what stands before it. */
  interface Access<T> {
    List<T> list(Map<String, Object> filter, Call call);

    T get(String id);

    T create(Fields fields, Call call);

    T update(String id, Fields fields);

    void delete(String id);
  }

  /**
   * Access to a store, in which a new resource is a blank one that the request changes: so the same
   * code reads what is new and what is changed.
   */
  interface Stored<T> extends Access<T> {
    Store<T> store();

    /** A new one, with what it cannot do without if the request does not say it. */
    T blank(Fields fields, Call call);

    /** With the request's changes, those apart that cannot be made. */
    T changed(T before, Fields fields);

    /** Refuses the request's changes that cannot be made. */
    default void checkFixed(T before, Fields fields) {}

    /** Refuses changes of a resource that is not in the store, but listed with it. */
    default void checkStored(String id) {}

    @Override
    default List<T> list(Map<String, Object> filter, Call call) {
      return store().list(filter);
    }

    @Override
    default T get(String id) {
      return store().get(id);
    }

    @Override
    default T create(Fields fields, Call call) {
      return store().create(changed(blank(fields, call), fields));
    }

    @Override
    default T update(String id, Fields fields) {
      checkStored(id);
      return store()
          .update(
              id,
              before -> {
                checkFixed(before, fields);
                return changed(before, fields);
              });
    }

    @Override
    default void delete(String id) {
      checkStored(id);
      store().delete(id);
    }
  }

  void mount(Mount mount) {
    mount
        .route(GET, "/" + plural)
        .to(guarded(this::list))
        .route(POST, "/" + plural)
        .token()
        .json()
        .to(guarded(this::create))
        .route(GET, "/" + plural + "/{id}")
        .to(guarded(this::show))
        .route(PATCH, "/" + plural + "/{id}")
        .token()
        .json()
        .to(guarded(this::update))
        .route(DELETE, "/" + plural + "/{id}")
        .token()
        .to(guarded(this::delete));
  }

  private Reply list(Call call) {
    if (!openList) {
      Policy.reader(call, "list_" + plural);
    }
    Map<String, Object> wanted = new HashMap<>();
    filters.forEach(
        (name, filter) ->
            call.query(name)
                .ifPresent(
                    text ->
                        wanted.put(
                            name,
                            switch (filter) {
                              case TEXT -> text;
                              case BOOLEAN -> !text.equalsIgnoreCase("false") && !text.equals("0");
                            })));
    return listed(call, plural, access.list(wanted, call), view);
  }

  /** A list of resources, each with its link. */
  static <T> Reply listed(
      Call call, String plural, List<T> resources, Function<T, ObjectNode> view) {
    return Reply.json(
        200,
        Documents.list(
            call,
            plural,
            resources.stream()
                .map(resource -> Documents.linked(call, plural, view.apply(resource)))
                .toList()));
  }

  private Reply show(Call call) {
    String id = call.path("id");
    Policy.readerOr(call, openList || own.test(call, id), "get_" + singular);
    return one(200, call, access.get(id));
  }

  private Reply create(Call call) {
    Policy.admin(call, "create_" + singular);
    return one(201, call, access.create(Fields.of(call.body(), singular), call));
  }

  private Reply update(Call call) {
    Policy.admin(call, "update_" + singular);
    return one(200, call, access.update(call.path("id"), Fields.of(call.body(), singular)));
  }

  private Reply delete(Call call) {
    Policy.admin(call, "delete_" + singular);
    access.delete(call.path("id"));
    return Reply.empty(204);
  }

  Reply one(int status, Call call, T resource) {
    ObjectNode document = Json.object();
    document.set(singular, Documents.linked(call, plural, view.apply(resource)));
    return Reply.json(status, document);
  }

  /** Makes answers of the directory's refusals. */
  static Handler guarded(Handler handler) {
    return call -> {
      try {
        return handler.handle(call);
      } catch (IdentityException e) {
        throw switch (e.kind()) {
          case BAD_REQUEST -> ApiFault.badRequest(e.getMessage());
          case UNAUTHORIZED -> ApiFault.unauthorized();
          case FORBIDDEN -> ApiFault.forbidden(e.getMessage());
          case NOT_FOUND -> ApiFault.notFound(e.getMessage());
          case CONFLICT -> ApiFault.conflict(e.getMessage());
          case BUSY -> ApiFault.unavailable(e.getMessage());
        };
      }
    };
  }
}
