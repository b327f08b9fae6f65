/**
 * The front door's toolkit. A service declares its routes in a table; a handler is a plain blocking
 * function on a virtual thread:
 *
 * <pre>{@code
 * Service service = Service.named("compute", "/compute", FaultStyle.NOVA)
 *     .microversions(Microversions.COMPUTE)
 *     .requestIdHeader("x-compute-request-id")
 *     .mount("v2.1", mount -> mount.optionalProject()
 *         .get("/flavors/{id}", call -> {
 *             Flavor flavor = flavors.find(call.path("id"))
 *                 .orElseThrow(() -> ApiFault.notFound("Flavor " + call.path("id") + " could not be found."));
 *             return Reply.json(200, view(flavor, call.microversion()));
 *         })
 *         .route(Method.POST, "/flavors").admin().json(v -> v.atLeast(55) ? CREATE_2_55 : CREATE).to(this::create)
 *         .route(Method.PUT, "/flavors/{id}").since("2.55").admin().json(UPDATE).to(this::update))
 *     .build();
 * HttpServer.bind(system, settings, tokens, List.of(service), Vitals.NONE, clock);
 * }</pre>
 *
 * <p>Everything that is the same for all routes happens here: request ids, tokens, microversion
 * negotiation, body limits, JSON parsing and schemas, faults in the service's own form. What a
 * handler throws becomes an answer: an {@link org.kilonova.api.http.ApiFault} itself, an
 * unreachable database or an ask that timed out 503 with {@code Retry-After}, everything else 500
 * with the request id, under which the log has the rest.
 *
 * <p>{@link org.kilonova.api.http.RouteTable} prints what all services answer.
 */
package org.kilonova.api.http;
