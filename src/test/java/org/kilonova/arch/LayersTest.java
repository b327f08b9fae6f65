package org.kilonova.arch;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.type;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import akka.actor.typed.ActorRef;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.time.Instant;
import java.util.Date;
import java.util.HashSet;
import java.util.Set;
import org.kilonova.compute.ComputeNodes;
import org.kilonova.compute.ComputeProtocol;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceProtocol;
import org.kilonova.instance.InstanceState;
import org.kilonova.kernel.Clock;
import org.kilonova.persistence.CborSerializable;
import org.kilonova.scheduler.SchedulerProtocol;

/** The walls of the house: who may import whom, and what nobody may do. */
@AnalyzeClasses(packages = "org.kilonova", importOptions = ImportOption.DoNotIncludeTests.class)
class LayersTest {
  private static final DescribedPredicate<JavaClass> OURS = resideInAPackage("org.kilonova..");
  private static final DescribedPredicate<JavaClass> PERSISTENCE_MARKER =
      type(CborSerializable.class);
  private static final DescribedPredicate<JavaClass> COMPUTE_PROTOCOL =
      partOf(ComputeProtocol.class);
  private static final DescribedPredicate<JavaClass> SCHEDULER_PROTOCOL =
      partOf(SchedulerProtocol.class);
  private static final DescribedPredicate<JavaClass> DRIVER_SPI =
      resideInAPackage("org.kilonova.compute.driver");

  // ---- who may import whom ---------------------------------------------------------------------

  @ArchTest
  static final ArchRule kernelImportsNothingOfOurs = onlyOurs("org.kilonova.kernel..", nothing());

  @ArchTest
  static final ArchRule theDriverSpiImportsOnlyTheKernel =
      onlyOurs("org.kilonova.compute.driver", nothing());

  @ArchTest
  static final ArchRule libvirtImportsOnlyKernelAndSpi =
      onlyOurs("org.kilonova.compute.driver.libvirt..", DRIVER_SPI);

  @ArchTest
  static final ArchRule theFakesImportOnlyKernelAndSpi =
      onlyOurs("org.kilonova.compute.driver.fake..", DRIVER_SPI);

  @ArchTest
  static final ArchRule theBenchmarkKnowsNothingOfWhatItMeasures =
      onlyOurs("org.kilonova.bench..", nothing());

  @ArchTest
  static final ArchRule instanceKnowsOnlyProtocolsAndPorts =
      onlyOurs(
          "org.kilonova.instance..",
          COMPUTE_PROTOCOL
              .or(SCHEDULER_PROTOCOL)
              .or(DRIVER_SPI)
              .or(resideInAnyPackage("org.kilonova.network", "org.kilonova.volume"))
              .or(PERSISTENCE_MARKER));

  @ArchTest
  static final ArchRule schedulerKnowsOnlyTheComputeProtocol =
      onlyOurs(
          "org.kilonova.scheduler..",
          COMPUTE_PROTOCOL
              // Under which name compute processes are found.
              .or(type(ComputeNodes.class))
              .or(DRIVER_SPI)
              .or(PERSISTENCE_MARKER));

  @ArchTest
  static final ArchRule computeKnowsOnlyTheDriverSpi =
      onlyOurs("org.kilonova.compute", DRIVER_SPI.or(PERSISTENCE_MARKER));

  @ArchTest
  static final ArchRule readmodelKnowsInstancesAndHosts =
      onlyOurs(
          "org.kilonova.readmodel..",
          resideInAnyPackage("org.kilonova.instance", "org.kilonova.persistence")
              .or(resideInAPackage("org.kilonova.compute")));

  @ArchTest
  static final ArchRule consolesKnowInstancesAndHosts =
      onlyOurs(
          "org.kilonova.console..",
          resideInAnyPackage(
              "org.kilonova.instance",
              "org.kilonova.compute",
              "org.kilonova.readmodel",
              "org.kilonova.persistence"));

  @ArchTest
  static final ArchRule theWayToABootKnowsOnlyPortsAndProtocols =
      onlyOurs(
          "org.kilonova.boot..",
          resideInAnyPackage(
              "org.kilonova.instance",
              "org.kilonova.network",
              "org.kilonova.quota",
              "org.kilonova.identity"));

  @ArchTest
  static final ArchRule onlyTheWiringImportsTheBus =
      noClasses()
          .that()
          .resideOutsideOfPackages("org.kilonova", "org.kilonova.amqp..", "org.kilonova.node..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.kilonova.amqp..");

  @ArchTest
  static final ArchRule theFormatsOfTheBusKnowNothingOfOurs =
      onlyOurs("org.kilonova.amqp.wire..", nothing());

  // That the bus imports neither the API nor the wiring follows from the rules about those.

  @ArchTest
  static final ArchRule nobodyImportsTheApi =
      noClasses()
          .that()
          .resideOutsideOfPackages("org.kilonova.api..", "org.kilonova.node..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.kilonova.api..");

  @ArchTest
  static final ArchRule theHttpToolkitKnowsNoService =
      onlyOurs(
          "org.kilonova.api.http..",
          resideInAnyPackage("org.kilonova.identity", "org.kilonova.persistence"));

  @ArchTest
  static final ArchRule onlyMainImportsTheWiring =
      noClasses()
          .that(
              resideInAPackage("org.kilonova..")
                  .and(
                      DescribedPredicate.not(
                          resideInAnyPackage("org.kilonova", "org.kilonova.node.."))))
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.kilonova", "org.kilonova.node..");

  @ArchTest
  static final ArchRule noCycles =
      slices().matching("org.kilonova.(*)..").should().beFreeOfCycles();

  // ---- what stays pure -------------------------------------------------------------------------

  @ArchTest
  static final ArchRule noAkkaInPurePackages =
      noClasses()
          .that()
          .resideInAnyPackage(
              "org.kilonova.kernel..",
              "org.kilonova.bench..",
              "org.kilonova.compute.driver..",
              "org.kilonova.scheduler.filter..",
              "org.kilonova.scheduler.weigh..",
              "org.kilonova.network..",
              "org.kilonova.volume..",
              "org.kilonova.image..",
              "org.kilonova.identity..",
              "org.kilonova.quota..",
              "org.kilonova.catalog..",
              "org.kilonova.persistence..")
          .or()
          .haveNameMatching(
              "org\\.kilonova\\.instance\\.(InstanceDecider|InstanceTransitions|.*Plan|InstanceState|InstanceEvent)(\\$.*)?")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("akka..");

  @ArchTest
  static final ArchRule sqlOnlyInTheAdapters =
      noClasses()
          .that(
              OURS.and(
                      DescribedPredicate.not(
                          resideInAnyPackage(
                              "org.kilonova.readmodel..",
                              "org.kilonova.persistence..",
                              // Wiring hands the pool on.
                              "org.kilonova.node..")))
                  .and(
                      // Embedded…: builds a service on its SQL adapters, hands the pool on.
                      named("(Sql|Jdbi|Embedded).*", false)))
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("java.sql..", "javax.sql..", "org.jdbi..", "org.postgresql..");

  // ---- what nobody does ------------------------------------------------------------------------

  @ArchTest
  static final ArchRule nobodySleeps =
      noClasses().should().callMethodWhere(calls(Thread.class, Set.of("sleep")));

  @ArchTest
  static final ArchRule onlyTheKernelsClockReadsTheTime =
      noClasses()
          .that()
          .doNotHaveFullyQualifiedName(Clock.class.getName())
          .should()
          .callMethodWhere(
              calls(System.class, Set.of("currentTimeMillis"))
                  .or(nowOfJavaTime())
                  .or(calls(java.time.Clock.class, Set.of("systemUTC", "systemDefaultZone"))))
          .orShould()
          .callConstructor(Date.class);

  // ---- messages, events, states ----------------------------------------------------------------

  @ArchTest
  static final ArchRule whatTravelsIsARecordOrSealed =
      classes().that(assignableTo(CborSerializable.class)).should(beRecordOrSealed());

  @ArchTest
  static final ArchRule whatTravelsIsBoundToTheMarker =
      classes()
          .that(
              assignableTo(InstanceEvent.class)
                  .or(assignableTo(InstanceState.class))
                  .or(assignableTo(InstanceProtocol.Command.class))
                  .or(assignableTo(InstanceProtocol.Reply.class))
                  .or(assignableTo(ComputeProtocol.HostCommand.class))
                  .or(assignableTo(ComputeProtocol.NodeCommand.class))
                  .or(assignableTo(ComputeProtocol.HostFeed.class))
                  .or(assignableTo(ComputeProtocol.Report.class))
                  .or(assignableTo(SchedulerProtocol.Answer.class)))
          .should()
          .beAssignableTo(CborSerializable.class);

  @ArchTest
  static final ArchRule noActorRefInEventsAndStates =
      classes()
          .that(partOf(InstanceEvent.class).or(partOf(InstanceState.class)))
          .should(notReach(ActorRef.class));

  // ---- vocabulary ------------------------------------------------------------------------------

  /** Of ours, classes of the package import only themselves, the kernel, and {@code others}. */
  private static ArchRule onlyOurs(String packages, DescribedPredicate<JavaClass> others) {
    return noClasses()
        .that()
        .resideInAPackage(packages)
        .should()
        .dependOnClassesThat(
            OURS.and(DescribedPredicate.not(resideInAnyPackage(packages, "org.kilonova.kernel..")))
                .and(DescribedPredicate.not(others)));
  }

  private static DescribedPredicate<JavaClass> nothing() {
    return DescribedPredicate.alwaysFalse();
  }

  /** The class and those nested in it. */
  private static DescribedPredicate<JavaClass> partOf(Class<?> outer) {
    return DescribedPredicate.describe(
        "part of " + outer.getSimpleName(),
        c -> c.getName().equals(outer.getName()) || c.getName().startsWith(outer.getName() + "$"));
  }

  /** Whether the outermost class's simple name matches, or does not. */
  private static DescribedPredicate<JavaClass> named(String regex, boolean wanted) {
    return DescribedPredicate.describe(
        (wanted ? "named " : "not named ") + regex,
        c -> {
          JavaClass outermost = c;
          while (outermost.getEnclosingClass().isPresent()) {
            outermost = outermost.getEnclosingClass().get();
          }
          return outermost.getSimpleName().matches(regex) == wanted;
        });
  }

  private static DescribedPredicate<JavaMethodCall> calls(Class<?> owner, Set<String> names) {
    return DescribedPredicate.describe(
        owner.getSimpleName() + "." + names,
        call -> call.getTargetOwner().isEquivalentTo(owner) && names.contains(call.getName()));
  }

  private static DescribedPredicate<JavaMethodCall> nowOfJavaTime() {
    return DescribedPredicate.describe(
        "now() of java.time",
        call ->
            call.getTargetOwner().getPackageName().equals(Instant.class.getPackageName())
                && call.getName().equals("now"));
  }

  private static ArchCondition<JavaClass> beRecordOrSealed() {
    return new ArchCondition<>("be a record, an enum or a sealed interface") {
      @Override
      public void check(JavaClass c, ConditionEvents events) {
        Class<?> reflected = c.reflect();
        // The marker itself; and the scheduler's actor adds private commands of its own.
        boolean open =
            reflected == CborSerializable.class || reflected == SchedulerProtocol.Command.class;
        boolean fits = reflected.isRecord() || reflected.isEnum() || reflected.isSealed() || open;
        events.add(new SimpleConditionEvent(c, fits, c.getName() + " is none of these"));
      }
    };
  }

  /** Follows fields through our own classes. */
  private static ArchCondition<JavaClass> notReach(Class<?> forbidden) {
    return new ArchCondition<>("not reach " + forbidden.getSimpleName() + " through its fields") {
      @Override
      public void check(JavaClass c, ConditionEvents events) {
        boolean found = reaches(c, new HashSet<>());
        events.add(
            new SimpleConditionEvent(c, !found, c.getName() + " holds a " + forbidden.getName()));
      }

      private boolean reaches(JavaClass c, Set<JavaClass> seen) {
        if (c.isAssignableTo(forbidden)) {
          return true;
        }
        if (!seen.add(c) || !c.getPackageName().startsWith("org.kilonova")) {
          return false;
        }
        return c.getFields().stream()
            .map(JavaField::getType)
            .flatMap(t -> t.getAllInvolvedRawTypes().stream())
            .anyMatch(t -> reaches(t, seen));
      }
    };
  }
}
