package org.kilonova.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.identity.Assignment.Actor;
import org.kilonova.identity.Assignment.Target;
import org.kilonova.identity.AuthRequest.DomainSelector;
import org.kilonova.identity.AuthRequest.Method;
import org.kilonova.identity.AuthRequest.ScopeRequest;
import org.kilonova.identity.AuthRequest.UserSelector;
import org.kilonova.identity.AuthToken.Ref;
import org.kilonova.kernel.Clock;
import org.kilonova.persistence.Database;
import org.kilonova.testing.PostgresExtension;

/** The embedded identity service on PostgreSQL, with two controllers on one database. */
@ExtendWith(PostgresExtension.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class IdentityIT {
  private static final DomainSelector DEFAULT = new DomainSelector("default", null);
  private static final int CONTROLLERS = 4;

  private Path state;
  private Jdbi jdbi;
  private final List<EmbeddedIdentity> started = new ArrayList<>();
  private final AtomicReference<Instant> now = new AtomicReference<>(Clock.system().instant());
  private final InstantSource clock = now::get;
  private EmbeddedIdentity here;
  private EmbeddedIdentity there;

  private IdentitySettings settings(Path openrc) {
    IdentitySettings defaults =
        IdentitySettings.defaults(URI.create("http://127.0.0.1:8774"), openrc);
    return new IdentitySettings(
        defaults.baseUrl(),
        defaults.region(),
        defaults.services(),
        defaults.tokenLife(),
        defaults.revocationPoll(),
        4,
        1,
        defaults.strategy(),
        openrc,
        Optional.empty());
  }

  /** All controllers start on the same empty database at the same moment. */
  @BeforeAll
  void start(Database database, @TempDir Path directory) throws Exception {
    state = directory;
    jdbi = database.jdbi();
    CyclicBarrier together = new CyclicBarrier(CONTROLLERS);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<EmbeddedIdentity>> starting = new ArrayList<>();
      for (int i = 0; i < CONTROLLERS; i++) {
        IdentitySettings settings = settings(state.resolve("controller" + i + "/openrc"));
        Callable<EmbeddedIdentity> start =
            () -> {
              together.await();
              return EmbeddedIdentity.start(jdbi, settings, clock);
            };
        starting.add(threads.submit(start));
      }
      for (Future<EmbeddedIdentity> one : starting) {
        started.add(one.get());
      }
    }
    here = started.get(0);
    there = started.get(1);
  }

  @AfterAll
  void stop() {
    started.forEach(EmbeddedIdentity::close);
  }

  private User user;
  private Project project;

  @BeforeEach
  void aUserWithAProject() {
    Directory directory = here.directory();
    project = newProject("default");
    user = newUser("default");
    directory.grant(
        new Assignment(Actor.user(user.id()), Target.project(project.id()), role("member"), false));
  }

  private Project newProject(String domain) {
    String id = Ids.next();
    return here.directory()
        .projects()
        .create(new Project(id, domain, domain, "project-" + id, "", true, List.of("a"), Map.of()));
  }

  private User newUser(String domain) {
    String id = Ids.next();
    return here.directory()
        .createUser(
            new User(id, domain, "user-" + id, true, null, Map.of("email", "x@example.org")),
            here.passwords().hash("secret"));
  }

  private String role(String name) {
    return here.directory().roles().list(Map.of("name", name)).getFirst().id();
  }

  private AuthRequest password(String secret, ScopeRequest scope) {
    return new AuthRequest(
        List.of(new Method.Password(new UserSelector(null, user.name(), DEFAULT), secret)), scope);
  }

  private Tokens.Issued login() {
    return here.tokens()
        .issue(password("secret", new ScopeRequest.Project(project.id(), null, null)));
  }

  private static List<String> roleNames(AuthToken token) {
    return token.roles().stream().map(Ref::name).toList();
  }

  @Nested
  class FirstStart {
    @Test
    void exactlyOneControllerMakesTheAdministratorAndWritesItsPassword() throws Exception {
      List<Path> written = new ArrayList<>();
      for (int i = 0; i < CONTROLLERS; i++) {
        Path openrc = state.resolve("controller" + i + "/openrc");
        if (Files.exists(openrc)) {
          written.add(openrc);
        }
      }
      assertThat(written).hasSize(1);
      String password = "";
      for (String line : Files.readAllLines(written.getFirst())) {
        if (line.startsWith("export OS_PASSWORD=")) {
          password = line.replaceFirst("^export OS_PASSWORD='(.*)'$", "$1");
        }
      }
      assertThat(password).hasSizeGreaterThanOrEqualTo(24);
      AuthToken token =
          there
              .tokens()
              .issue(
                  new AuthRequest(
                      List.of(
                          new Method.Password(new UserSelector(null, "admin", DEFAULT), password)),
                      new ScopeRequest.Project(null, "admin", DEFAULT)))
              .token();
      assertThat(roleNames(token)).containsExactly("admin", "member", "reader");
      assertThat(here.directory().users().list(Map.of("name", "admin"))).hasSize(1);
      String kept = here.directory().passwordHash(token.user().id()).orElseThrow();
      assertThat(kept).startsWith("$2b$");
    }

    @Test
    void aSecondStartLeavesTheFileAsItIs() throws Exception {
      Path openrc = state.resolve("again/openrc");
      Files.createDirectories(openrc.getParent());
      Files.writeString(openrc, "mine");
      EmbeddedIdentity.start(jdbi, settings(openrc), clock).close();
      assertThat(openrc).hasContent("mine");
    }
  }

  @Nested
  class Issuing {
    @Test
    void aProjectCanBeNamedByIdOrByNameAndDomain() {
      AuthToken byId = login().token();
      AuthToken byName =
          here.tokens()
              .issue(
                  password(
                      "secret",
                      new ScopeRequest.Project(
                          null, project.name(), new DomainSelector(null, "Default"))))
              .token();
      assertThat(byId.project().orElseThrow().id()).isEqualTo(project.id());
      assertThat(byName.scope()).isEqualTo(byId.scope());
      assertThat(roleNames(byId)).containsExactly("member", "reader");
    }

    @Test
    void withoutAScopeTheDefaultProjectCounts() {
      assertThat(here.tokens().issue(password("secret", new ScopeRequest.Unspecified())).token())
          .matches(t -> t.project().isEmpty() && t.roles().isEmpty());
      here.directory()
          .users()
          .update(
              user.id(),
              u -> new User(u.id(), u.domainId(), u.name(), true, project.id(), u.extra()));
      assertThat(here.tokens().issue(password("secret", new ScopeRequest.Unspecified())).token())
          .matches(t -> t.project().orElseThrow().id().equals(project.id()));
      assertThat(here.tokens().issue(password("secret", new ScopeRequest.Unscoped())).token())
          .matches(t -> t.project().isEmpty());
    }

    @Test
    void whateverIsWrongGetsTheSameAnswer() {
      Project other = newProject("default");
      ScopeRequest mine = new ScopeRequest.Project(project.id(), null, null);
      List<AuthRequest> wrong =
          List.of(
              password("wrong", mine),
              password("secret", new ScopeRequest.Project(other.id(), null, null)),
              password("secret", new ScopeRequest.Project("nowhere", null, null)),
              password("secret", new ScopeRequest.Domain(DEFAULT)),
              password("secret", new ScopeRequest.System()),
              new AuthRequest(List.of(), mine),
              new AuthRequest(List.of(new Method.Token("nonsense")), mine),
              new AuthRequest(
                  List.of(new Method.Password(new UserSelector(null, "nobody", DEFAULT), "secret")),
                  mine));
      for (AuthRequest request : wrong) {
        assertThatThrownBy(() -> here.tokens().issue(request))
            .hasMessage("The request you have made requires authentication.");
      }
    }

    @Test
    void aTokenMadeFromATokenEndsWithItAndKeepsItsChain() {
      Tokens.Issued first = login();
      now.updateAndGet(t -> t.plus(Duration.ofMinutes(1)));
      AuthToken second =
          there
              .tokens()
              .issue(
                  new AuthRequest(
                      List.of(new Method.Token(first.text())), new ScopeRequest.Unscoped()))
              .token();
      assertThat(second.expiresAt()).isEqualTo(first.token().expiresAt());
      assertThat(second.methods()).containsExactly("password", "token");
      assertThat(second.auditIds()).hasSize(2).contains(first.token().auditIds().getFirst());
    }

    @Test
    void rolesComeFromGroupsDomainsAndParentsToo() {
      Directory directory = here.directory();
      Group group =
          directory
              .groups()
              .create(new Group(Ids.next(), "default", "g-" + Ids.next(), "", Map.of()));
      directory.addMember(group.id(), user.id());
      Project parent = newProject("default");
      Project child =
          directory
              .projects()
              .create(
                  new Project(
                      Ids.next(),
                      "default",
                      parent.id(),
                      "c-" + Ids.next(),
                      "",
                      true,
                      List.of(),
                      Map.of()));
      Target onParent = Target.project(parent.id());
      assertThat(directory.effectiveRoles(user.id(), onParent)).isEmpty();
      directory.grant(new Assignment(Actor.group(group.id()), onParent, role("reader"), true));
      assertThat(directory.effectiveRoles(user.id(), onParent)).isEmpty();
      assertThat(directory.effectiveRoles(user.id(), Target.project(child.id())))
          .extracting(Ref::name)
          .containsExactly("reader");
      assertThat(directory.projectsOf(user.id()))
          .extracting(Project::id)
          .containsExactlyInAnyOrder(project.id(), child.id());

      directory.grant(new Assignment(Actor.group(group.id()), onParent, role("admin"), false));
      assertThat(directory.effectiveRoles(user.id(), onParent))
          .extracting(Ref::name)
          .containsExactly("admin", "member", "reader");
    }

    @Test
    void anApplicationCredentialIsBoundToItsProjectAndRoles() {
      ApplicationCredential credential =
          new ApplicationCredential(
              Ids.next(),
              user.id(),
              project.id(),
              "ci",
              null,
              List.of(role("reader")),
              null,
              false);
      here.directory().createApplicationCredential(credential, here.passwords().hash("s3"));
      Method method = new Method.AppCredential(credential.id(), null, null, "s3");
      Tokens.Issued issued =
          here.tokens().issue(new AuthRequest(List.of(method), new ScopeRequest.Unspecified()));
      assertThat(roleNames(issued.token())).containsExactly("reader");
      assertThat(issued.token().project().orElseThrow().id()).isEqualTo(project.id());
      assertThat(issued.token().restricted()).isTrue();
      // neither another scope, nor a token made from its token
      assertThatThrownBy(
              () ->
                  here.tokens()
                      .issue(
                          new AuthRequest(
                              List.of(method), new ScopeRequest.Project(project.id(), null, null))))
          .isInstanceOf(IdentityException.class);
      assertThatThrownBy(
              () ->
                  here.tokens()
                      .issue(
                          new AuthRequest(
                              List.of(new Method.Token(issued.text())),
                              new ScopeRequest.Unspecified())))
          .isInstanceOf(IdentityException.class);
      here.directory().deleteApplicationCredential(credential.id());
      assertThat(here.tokens().validate(issued.text())).isEmpty();
    }
  }

  @Nested
  class Ending {
    @Test
    void aTokenIsGoodOnEveryControllerUntilItExpires() {
      Tokens.Issued issued = login();
      assertThat(here.tokens().validate(issued.text())).contains(issued.token());
      assertThat(there.tokens().validate(issued.text())).contains(issued.token());
      now.updateAndGet(t -> issued.token().expiresAt().minusSeconds(1));
      assertThat(there.tokens().validate(issued.text())).isPresent();
      now.updateAndGet(t -> issued.token().expiresAt());
      assertThat(there.tokens().validate(issued.text())).isEmpty();
    }

    private void endsIt(Runnable what) {
      Tokens.Issued issued = login();
      assertThat(there.tokens().validate(issued.text())).isPresent();
      what.run();
      long done = System.nanoTime();
      assertThat(here.tokens().validate(issued.text())).as("where it happened: at once").isEmpty();
      while (there.tokens().validate(issued.text()).isPresent()) {
        assertThat(Duration.ofNanos(System.nanoTime() - done))
            .as("elsewhere: within a second")
            .isLessThan(Duration.ofSeconds(1));
        Thread.onSpinWait();
      }
    }

    @Test
    void withItsRevocation() {
      Tokens.Issued bystander = login();
      AtomicReference<Tokens.Issued> issued = new AtomicReference<>(login());
      here.tokens().revoke(issued.get().token());
      assertThat(here.tokens().validate(issued.get().text())).isEmpty();
      assertThat(here.tokens().validate(bystander.text())).isPresent();
    }

    @Test
    void withThePassword() {
      endsIt(
          () -> here.directory().setPasswordHash(user.id(), here.passwords().hash("another one")));
      assertThatThrownBy(IdentityIT.this::login).isInstanceOf(IdentityException.class);
      // and the next token, made in the same second, is good
      Tokens.Issued next =
          here.tokens()
              .issue(password("another one", new ScopeRequest.Project(project.id(), null, null)));
      assertThat(here.tokens().validate(next.text())).isPresent();
      assertThat(there.tokens().validate(next.text())).isPresent();
    }

    @Test
    void withTheUserBeingDisabled() {
      endsIt(
          () ->
              here.directory()
                  .users()
                  .update(
                      user.id(),
                      u -> new User(u.id(), u.domainId(), u.name(), false, null, u.extra())));
      assertThatThrownBy(IdentityIT.this::login).isInstanceOf(IdentityException.class);
    }

    @Test
    void withTheUser() {
      endsIt(() -> here.directory().users().delete(user.id()));
      assertThat(
              here.directory()
                  .assignments(new Directory.AssignmentFilter(user.id(), null, null, null, null)))
          .isEmpty();
    }

    @Test
    void withTheProjectBeingDisabled() {
      endsIt(
          () ->
              here.directory()
                  .projects()
                  .update(
                      project.id(),
                      p ->
                          new Project(
                              p.id(),
                              p.domainId(),
                              p.parentId(),
                              p.name(),
                              "",
                              false,
                              p.tags(),
                              p.extra())));
    }

    @Test
    void withTheProject() {
      endsIt(() -> here.directory().projects().delete(project.id()));
    }

    @Test
    void withTheRole() {
      endsIt(
          () ->
              here.directory()
                  .revoke(
                      new Assignment(
                          Actor.user(user.id()),
                          Target.project(project.id()),
                          role("member"),
                          false)));
    }

    @Test
    void aTokenOfARevokedTokenCannotBeHadFromAnotherController() {
      Tokens.Issued first = login();
      here.tokens().revoke(first.token());
      // not waiting for the other controller to poll
      assertThatThrownBy(
              () ->
                  there
                      .tokens()
                      .issue(
                          new AuthRequest(
                              List.of(new Method.Token(first.text())),
                              new ScopeRequest.Unscoped())))
          .isInstanceOf(IdentityException.class);
    }

    @Test
    void aTransactionThatCommitsLateIsNotMissed() throws Exception {
      Tokens.Issued late = login();
      SqlRevocations elsewhere =
          new SqlRevocations(jdbi, clock, Duration.ofHours(1), Duration.ofDays(1));
      try (var handle = jdbi.open();
          var threads = Executors.newVirtualThreadPerTaskExecutor()) {
        handle.begin();
        elsewhere.record(handle, List.of(Subjects.user(user.id())));
        // a second writer gets a later number, and so waits for the first
        Future<?> second = threads.submit(() -> here.tokens().revoke(login().token()));
        long before = elsewhere.refresh();
        assertThat(elsewhere.revokes(late.token())).isFalse();
        assertThat(second).isNotDone();
        assertThat(elsewhere.refresh()).as("nothing later is visible yet").isEqualTo(before);
        handle.commit();
        second.get();
        elsewhere.refresh();
        assertThat(elsewhere.revokes(late.token())).isTrue();
      } finally {
        elsewhere.close();
      }
    }
  }

  @Nested
  class Resources {
    @Test
    void aNameIsTakenOnceInADomain() {
      assertThatThrownBy(
              () ->
                  here.directory()
                      .projects()
                      .create(
                          new Project(
                              Ids.next(),
                              "default",
                              "default",
                              project.name(),
                              "",
                              true,
                              List.of(),
                              Map.of())))
          .hasMessage(
              "Conflict occurred attempting to store project - it is not permitted to have two"
                  + " projects with the same name in the same domain : "
                  + project.name()
                  + ".");
    }

    @Test
    void whatWasKeptIsWhatIsRead() {
      assertThat(there.directory().projects().get(project.id())).isEqualTo(project);
      assertThat(there.directory().users().get(user.id())).isEqualTo(user);
      assertThatThrownBy(() -> there.directory().users().get("nobody"))
          .hasMessage("Could not find user: nobody.");
    }

    @Test
    void aDomainGoesWithAllThatIsInItOnceItIsDisabled() {
      Directory directory = here.directory();
      Domain domain =
          directory.domains().create(new Domain(Ids.next(), "d-" + Ids.next(), "", true, Map.of()));
      User inside = newUser(domain.id());
      Project its = newProject(domain.id());
      directory.grant(
          new Assignment(Actor.user(inside.id()), Target.project(its.id()), role("member"), false));
      assertThatThrownBy(() -> directory.domains().delete(domain.id()))
          .hasMessage("Cannot delete a domain that is enabled, please disable it first.");
      directory
          .domains()
          .update(domain.id(), d -> new Domain(d.id(), d.name(), "", false, d.extra()));
      directory.domains().delete(domain.id());
      assertThat(directory.users().find(inside.id())).isEmpty();
      assertThat(directory.projects().find(its.id())).isEmpty();
      assertThat(
              directory.assignments(
                  new Directory.AssignmentFilter(inside.id(), null, null, null, null)))
          .isEmpty();
    }

    @Test
    void anAssignmentThatIsNotThereCannotBeTakenAway() {
      assertThatThrownBy(
              () ->
                  here.directory()
                      .revoke(
                          new Assignment(
                              Actor.user(user.id()),
                              Target.project(project.id()),
                              role("admin"),
                              false)))
          .hasMessageStartingWith("Could not find role assignment with role: ");
    }

    @Test
    void theCatalogPutsTheProjectIntoUrlsThatAskForIt() {
      Service service =
          here.directory()
              .services()
              .create(new Service(Ids.next(), "volumev3", "cinder", null, true, Map.of()));
      here.directory()
          .endpoints()
          .create(
              new Endpoint(
                  Ids.next(),
                  service.id(),
                  "public",
                  "RegionOne",
                  "http://v/v3/$(project_id)s",
                  true,
                  Map.of()));
      assertThat(there.catalog().entries("p1"))
          .filteredOn(e -> e.service().type().equals("volumev3"))
          .singleElement()
          .satisfies(e -> assertThat(e.endpoints().getFirst().url()).isEqualTo("http://v/v3/p1"));
      assertThat(there.catalog().entries(null))
          .extracting(e -> e.service().type())
          .contains("compute", "identity", "image")
          .doesNotContain("volumev3");
    }
  }

  @Test
  void underNoauthAnybodyIsAdministratorOfTheProjectNamed() {
    IdentitySettings open = settings(state.resolve("noauth/openrc"));
    try (EmbeddedIdentity noauth =
        EmbeddedIdentity.start(
            jdbi,
            new IdentitySettings(
                open.baseUrl(),
                open.region(),
                open.services(),
                open.tokenLife(),
                open.revocationPoll(),
                4,
                1,
                IdentitySettings.Strategy.NOAUTH2,
                open.openrc(),
                Optional.empty()),
            clock)) {
      AuthToken token = noauth.tokens().validate("me:" + project.name()).orElseThrow();
      assertThat(token.hasRole("admin")).isTrue();
      assertThat(token.project().orElseThrow().id()).isEqualTo(project.id());
      assertThat(noauth.tokens().issue(password("any", new ScopeRequest.Unspecified())).text())
          .isNotEmpty();
      assertThat(here.tokens().validate("me:" + project.name())).isEmpty();
    }
  }

  @Test
  void aServiceTokenIsGoodOnEveryControllerAndIsRenewed() {
    String token = here.serviceTokens().current();
    assertThat(there.tokens().validate(token).orElseThrow().hasRole("service")).isTrue();
    assertThat(here.serviceTokens().current()).isEqualTo(token);
    now.updateAndGet(t -> t.plus(Duration.ofMinutes(9)));
    assertThat(here.serviceTokens().current()).isNotEqualTo(token);
    assertThat(there.tokens().validate(here.serviceTokens().current())).isPresent();
  }
}
