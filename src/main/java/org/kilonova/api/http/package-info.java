/**
 * The front door's toolkit. A service declares its routes in a table; a handler is a plain blocking
 * function on a virtual thread:
 *
 * <pre>{@code
 * Service service = Service.named("compute", "/compute", FaultStyle.NOVA)
 *     .microversions(Microversions.COMPUTE)
 *     .mount("v2.1", mount -> mount.optionalProject()
 *         .get("/flavors/{id}", call -> {
 *             Flavor flavor = flavors.find(call.path("id"))
 *                 .orElseThrow(() -> ApiFault.notFound("Flavor " + call.path("id") + " could not be found."));
 *             return Reply.json(200, view(flavor, call.microversion()));
 *         })
 *         .post("/flavors", Bodies.json(FLAVOR_CREATE), this::create)
 *         .route(Method.PUT, "/flavors/{id}").since("2.55").admin().json(FLAVOR_UPDATE).to(this::update))
 *     .build();
 * HttpServer.bind(system, settings, tokens, List.of(service));
 * }</pre>
 *
 * <p>Everything that is the same for all routes happens here: request ids, tokens, microversion
 * negotiation, body limits, JSON parsing and schemas, faults in the service's own form.
 */
package org.kilonova.api.http;
