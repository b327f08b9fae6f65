package org.kilonova.api.identity;

import static org.kilonova.api.http.Method.DELETE;
import static org.kilonova.api.http.Method.GET;
import static org.kilonova.api.http.Method.PUT;
import static org.kilonova.api.identity.Collection.guarded;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.identity.Directory;
import org.kilonova.identity.IdentityException;
import org.kilonova.identity.Project;

/** The tags of projects. */
final class ProjectTagRoutes {
  private static final int TAG_MAX = 255;
  private static final int TAGS_MAX = 80;

  private final Directory directory;

  ProjectTagRoutes(Directory directory) {
    this.directory = directory;
  }

  void mount(Mount mount) {
    String all = "/projects/{id}/tags";
    String one = all + "/{tag}";
    mount
        .route(GET, all)
        .to(guarded(this::show))
        .route(PUT, all)
        .token()
        .json()
        .to(guarded(this::set))
        .route(DELETE, all)
        .token()
        .to(guarded(this::clear))
        .route(GET, one)
        .to(guarded(this::has))
        .route(PUT, one)
        .token()
        .to(guarded(this::add))
        .route(DELETE, one)
        .token()
        .to(guarded(this::remove));
  }

  /**
   * The same without repetitions.
   *
   * @throws ApiFault 400 if one is none, or they are too many
   */
  static List<String> check(List<String> tags) {
    for (String tag : tags) {
      if (tag.isEmpty() || tag.length() > TAG_MAX || tag.contains("/") || tag.contains(",")) {
        throw ApiFault.badRequest("Invalid input for field 'tags': '" + tag + "' is not a tag");
      }
    }
    if (tags.size() > TAGS_MAX) {
      throw ApiFault.badRequest("Invalid input for field 'tags': more than " + TAGS_MAX);
    }
    return tags.stream().distinct().toList();
  }

  private Project ownProject(Call call, String action) {
    String id = call.path("id");
    Policy.readerOr(call, id.equals(call.caller().projectId()), action);
    return directory.projects().get(id);
  }

  private Reply show(Call call) {
    return tags(call, ownProject(call, "list_project_tags"));
  }

  private static Reply tags(Call call, Project project) {
    ObjectNode document = Json.object();
    document.set("tags", Documents.strings(project.tags()));
    document.putObject("links").put("self", call.baseUrl() + call.rawPath());
    return Reply.json(200, document);
  }

  private Reply set(Call call) {
    Policy.admin(call, "update_project_tags");
    List<String> wanted = check(Fields.strings(call.body().path("tags"), "tags"));
    return tags(call, directory.projects().update(call.path("id"), p -> p.withTags(wanted)));
  }

  private Reply clear(Call call) {
    Policy.admin(call, "delete_project_tags");
    directory.projects().update(call.path("id"), p -> p.withTags(List.of()));
    return Reply.empty(204);
  }

  private Reply has(Call call) {
    require(ownProject(call, "get_project_tag"), call.path("tag"));
    return Reply.empty(204);
  }

  private Reply add(Call call) {
    Policy.admin(call, "create_project_tag");
    directory
        .projects()
        .update(
            call.path("id"),
            p -> {
              List<String> more = new ArrayList<>(p.tags());
              more.add(call.path("tag"));
              return p.withTags(check(more));
            });
    return Reply.empty(201).header("Location", call.baseUrl() + call.rawPath());
  }

  private Reply remove(Call call) {
    Policy.admin(call, "delete_project_tag");
    directory
        .projects()
        .update(
            call.path("id"),
            p -> {
              require(p, call.path("tag"));
              return p.withTags(
                  p.tags().stream().filter(tag -> !tag.equals(call.path("tag"))).toList());
            });
    return Reply.empty(204);
  }

  private static void require(Project project, String tag) {
    if (!project.tags().contains(tag)) {
      throw IdentityException.notFound("project tag", tag);
    }
  }
}
