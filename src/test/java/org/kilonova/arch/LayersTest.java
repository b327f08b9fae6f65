package org.kilonova.arch;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import akka.actor.typed.ActorRef;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.time.Instant;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceProtocol;
import org.kilonova.instance.InstanceState;
import org.kilonova.persistence.CborSerializable;

/** The walls of docs/architecture.md: who may import whom. */
@AnalyzeClasses(packages = "org.kilonova", importOptions = ImportOption.DoNotIncludeTests.class)
class LayersTest {
  private static final String AKKA = "akka..";

  @ArchTest
  static final ArchRule theKernelKnowsNobody =
      noClasses()
          .that()
          .resideInAPackage("..kernel..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              AKKA,
              "org.kilonova.api..",
              "org.kilonova.catalog..",
              "org.kilonova.compute..",
              "org.kilonova.identity..",
              "org.kilonova.image..",
              "org.kilonova.instance..",
              "org.kilonova.network..",
              "org.kilonova.node..",
              "org.kilonova.persistence..",
              "org.kilonova.quota..",
              "org.kilonova.readmodel..",
              "org.kilonova.scheduler..");

  @ArchTest
  static final ArchRule driversKnowNoActors =
      noClasses()
          .that()
          .resideInAPackage("..compute.driver..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(AKKA, "org.kilonova.instance..", "org.kilonova.readmodel..");

  @ArchTest
  static final ArchRule driversDoNotKnowEachOther =
      noClasses()
          .that()
          .resideInAPackage("..driver.libvirt..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("..driver.fake..");

  @ArchTest
  static final ArchRule theFakeDoesNotKnowTheRealOne =
      noClasses()
          .that()
          .resideInAPackage("..driver.fake..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("..driver.libvirt..");

  @ArchTest
  static final ArchRule filtersAndWeighersArePure =
      noClasses()
          .that()
          .resideInAnyPackage("..scheduler.filter..", "..scheduler.weigh..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(AKKA, "java.sql..", "org.jdbi..");

  @ArchTest
  static final ArchRule theSchedulerKnowsNoInstances =
      noClasses()
          .that()
          .resideInAPackage("..scheduler..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "org.kilonova.instance..", "org.kilonova.api..", "org.kilonova.readmodel..");

  @ArchTest
  static final ArchRule computeKnowsNoInstances =
      noClasses()
          .that()
          .resideInAPackage("org.kilonova.compute..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "org.kilonova.instance..",
              "org.kilonova.api..",
              "org.kilonova.readmodel..",
              "org.kilonova.scheduler..");

  @ArchTest
  static final ArchRule nobodyKnowsTheEdgesButTheWiring =
      noClasses()
          .that()
          .resideOutsideOfPackages("org.kilonova.api..", "org.kilonova.node..", "org.kilonova")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.kilonova.api..", "org.kilonova.node..");

  @ArchTest
  static final ArchRule sqlHasItsPlaces =
      noClasses()
          .that()
          .resideOutsideOfPackages("..persistence..", "..readmodel..")
          .and()
          .haveNameNotMatching(".*\\.(Sql|Node|Controller|CloudId|FrontDoor|Embedded).*")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("java.sql..", "org.jdbi..");

  @ArchTest
  static final ArchRule nobodySleeps =
      noClasses().should().callMethod(Thread.class, "sleep", long.class);

  @ArchTest
  static final ArchRule theTimeComesFromTheClock =
      noClasses()
          .that()
          .doNotHaveFullyQualifiedName("org.kilonova.kernel.Clock")
          .should()
          .callMethod(Instant.class, "now");

  @ArchTest
  static final ArchRule whatIsKeptHoldsNoActorReference =
      noClasses()
          .that()
          .areAssignableTo(InstanceEvent.class)
          .or()
          .areAssignableTo(InstanceState.class)
          .should()
          .dependOnClassesThat()
          .areAssignableTo(ActorRef.class);

  @ArchTest
  static final ArchRule whatTravelsIsARecord =
      classes()
          .that()
          .areAssignableTo(InstanceEvent.class)
          .or()
          .areAssignableTo(InstanceState.class)
          .or()
          .areAssignableTo(InstanceProtocol.Command.class)
          .should(beRecordsOrInterfaces())
          .andShould()
          .beAssignableTo(CborSerializable.class);

  private static ArchCondition<JavaClass> beRecordsOrInterfaces() {
    return new ArchCondition<>("be records or interfaces") {
      @Override
      public void check(JavaClass item, ConditionEvents events) {
        if (!item.isInterface() && !item.isRecord()) {
          events.add(SimpleConditionEvent.violated(item, item.getName() + " is neither"));
        }
      }
    };
  }
}
