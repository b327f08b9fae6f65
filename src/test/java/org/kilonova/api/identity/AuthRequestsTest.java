package org.kilonova.api.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Json;
import org.kilonova.identity.AuthRequest;
import org.kilonova.identity.AuthRequest.DomainSelector;
import org.kilonova.identity.AuthRequest.Method;
import org.kilonova.identity.AuthRequest.ScopeRequest;
import org.kilonova.identity.AuthRequest.UserSelector;

class AuthRequestsTest {
  private static final String PASSWORD =
      """
      "identity": {"methods": ["password"], "password": {"user":
        {"name": "me", "domain": {"name": "Default"}, "password": "s"}}}
      """;

  private static AuthRequest read(String auth) throws Exception {
    return AuthRequests.read(
        Json.parse(("{\"auth\": {" + auth + "}}").getBytes(StandardCharsets.UTF_8)));
  }

  private static ScopeRequest scope(String scope) throws Exception {
    return read(PASSWORD + ", \"scope\": " + scope).scope();
  }

  @Test
  void aUserIsNamedByIdOrByNameAndDomain() throws Exception {
    assertThat(read(PASSWORD).methods())
        .isEqualTo(
            List.of(
                new Method.Password(
                    new UserSelector(null, "me", new DomainSelector(null, "Default")), "s")));
    assertThat(
            read("""
                    "identity": {"methods": ["password"],
                      "password": {"user": {"id": "u1", "password": "s"}}}
                    """)
                .methods())
        .isEqualTo(List.of(new Method.Password(new UserSelector("u1", null, null), "s")));
  }

  @Test
  void theOtherMethodsAreRead() throws Exception {
    assertThat(
            read("""
                    "identity": {"methods": ["token", "application_credential"],
                      "token": {"id": "t"}, "application_credential": {"id": "a", "secret": "s"}}
                    """)
                .methods())
        .isEqualTo(List.of(new Method.Token("t"), new Method.AppCredential("a", null, null, "s")));
  }

  @Test
  void eachScopeIsRead() throws Exception {
    assertThat(read(PASSWORD).scope()).isEqualTo(new ScopeRequest.Unspecified());
    assertThat(scope("\"unscoped\"")).isEqualTo(new ScopeRequest.Unscoped());
    assertThat(scope("{\"unscoped\": {}}")).isEqualTo(new ScopeRequest.Unscoped());
    assertThat(scope("{\"project\": {\"id\": \"p\"}}"))
        .isEqualTo(new ScopeRequest.Project("p", null, null));
    assertThat(scope("{\"project\": {\"name\": \"p\", \"domain\": {\"id\": \"default\"}}}"))
        .isEqualTo(new ScopeRequest.Project(null, "p", new DomainSelector("default", null)));
    assertThat(scope("{\"domain\": {\"name\": \"d\"}}"))
        .isEqualTo(new ScopeRequest.Domain(new DomainSelector(null, "d")));
    assertThat(scope("{\"system\": {\"all\": true}}")).isEqualTo(new ScopeRequest.System());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "\"identity\": {}",
        "\"identity\": {\"methods\": \"password\"}",
        "\"identity\": {\"methods\": [\"password\"]}",
        "\"identity\": {\"methods\": [\"password\"], \"password\": {\"user\": {\"id\": \"u\"}}}",
        "\"identity\": {\"methods\": [\"password\"], \"password\": {\"user\":"
            + " {\"name\": \"u\", \"password\": \"s\"}}}",
        "\"identity\": {\"methods\": [\"password\"], \"password\": {\"user\":"
            + " {\"id\": 1, \"password\": \"s\"}}}"
      })
  void whatIsMissingIsNamed(String auth) {
    assertThatThrownBy(() -> read(auth))
        .isInstanceOfSatisfying(ApiFault.class, f -> assertThat(f.status()).isEqualTo(400))
        .hasMessageStartingWith("Expecting to find ");
  }

  @Test
  void aMethodThatThereIsNotIs401() {
    assertThatThrownBy(() -> read("\"identity\": {\"methods\": [\"magic\"]}"))
        .isInstanceOfSatisfying(ApiFault.class, f -> assertThat(f.status()).isEqualTo(401));
  }

  @Test
  void aSecretIsInNoText() throws Exception {
    assertThat(read(PASSWORD.replace("\"s\"", "\"sesam\"")).toString()).doesNotContain("sesam");
  }
}
