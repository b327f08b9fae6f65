package org.kilonova.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.boot.BootRefusedException.Kind;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InjectedFile;

class BootChecksTest {
  private static final long GIB = 1L << 30;

  private static ImageSpec image(long bytes, int minDisk, int minRam, Map<String, String> more) {
    return new ImageSpec("i", "i", "qcow2", "bare", "c", bytes, minDisk, minRam, null, null, more);
  }

  private static FlavorSpec flavor(long ram, long disk) {
    return new FlavorSpec("1", "f", 1, ram, disk, 0, 0, 1.0, Map.of());
  }

  private static void refused(Kind kind, String message, ThrowingCallable check) {
    assertThatThrownBy(check)
        .isInstanceOfSatisfying(
            BootRefusedException.class, refused -> assertThat(refused.kind()).isEqualTo(kind))
        .hasMessage(message);
  }

  @Test
  void theImageMustFitTheFlavor() {
    assertThatCode(
            () -> BootChecks.flavorFitsImage(flavor(512, 1), image(GIB, 1, 512, Map.of()), false))
        .doesNotThrowAnyException();
    refused(
        Kind.IMAGE_UNACCEPTABLE,
        "Flavor's memory is too small for requested image.",
        () -> BootChecks.flavorFitsImage(flavor(511, 1), image(1, 0, 512, Map.of()), false));
    refused(
        Kind.IMAGE_UNACCEPTABLE,
        "Flavor's disk is too small for requested image. Flavor disk is 1073741824 bytes, image is"
            + " 1073741825 bytes.",
        () -> BootChecks.flavorFitsImage(flavor(512, 1), image(GIB + 1, 0, 0, Map.of()), false));
    refused(
        Kind.IMAGE_UNACCEPTABLE,
        "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is"
            + " 1073741824 bytes, minimum size is 2147483648 bytes.",
        () -> BootChecks.flavorFitsImage(flavor(512, 1), image(1, 2, 0, Map.of()), false));
  }

  @Test
  void aFlavorWithoutADiskIsForAdministrators() {
    ImageSpec big = image(9 * GIB, 9, 0, Map.of());
    assertThatCode(() -> BootChecks.flavorFitsImage(flavor(512, 0), big, true))
        .doesNotThrowAnyException();
    refused(
        Kind.FORBIDDEN,
        "Only volume-backed servers are allowed for flavors with zero disk.",
        () -> BootChecks.flavorFitsImage(flavor(512, 0), big, false));
  }

  @Test
  void theImagesConfigDriveOptionIsChecked() {
    refused(
        Kind.IMAGE_UNACCEPTABLE,
        "Image's config drive option 'maybe' is invalid",
        () ->
            BootChecks.flavorFitsImage(
                flavor(1, 1), image(1, 0, 0, Map.of("img_config_drive", "maybe")), true));
  }

  @Test
  void metadataItemsAreCounted() {
    Map<String, String> two = Map.of("a", "1", "b", "2");
    assertThatCode(() -> BootChecks.metadata(two, Map.of("metadata_items", 2)))
        .doesNotThrowAnyException();
    assertThatCode(() -> BootChecks.metadata(two, Map.of("metadata_items", -1)))
        .doesNotThrowAnyException();
    refused(
        Kind.OVER_QUOTA,
        "Maximum number of metadata items exceeds 1",
        () -> BootChecks.metadata(two, Map.of("metadata_items", 1)));
  }

  @Test
  void injectedFilesAreCountedAndMeasured() {
    Map<String, Integer> limits =
        Map.of(
            "injected_files", 2, "injected_file_path_bytes", 5, "injected_file_content_bytes", 4);
    InjectedFile fits = new InjectedFile("/etc1", Base64.getEncoder().encodeToString(new byte[4]));
    assertThatCode(() -> BootChecks.personality(List.of(fits, fits), limits))
        .doesNotThrowAnyException();
    refused(
        Kind.OVER_QUOTA,
        "Personality file limit exceeded",
        () -> BootChecks.personality(Collections.nCopies(3, fits), limits));
    refused(
        Kind.OVER_QUOTA,
        "Personality file path exceeds maximum 5",
        () -> BootChecks.personality(List.of(new InjectedFile("/etc12", "")), limits));
    String five = Base64.getEncoder().encodeToString(new byte[5]);
    refused(
        Kind.OVER_QUOTA,
        "Personality file content exceeds maximum 4",
        () -> BootChecks.personality(List.of(new InjectedFile("/a", five)), limits));
  }

  @Test
  void onlyTheDefaultSecurityGroupExists() {
    assertThat(BootChecks.securityGroups(null)).containsExactly("default");
    assertThat(BootChecks.securityGroups(List.of())).containsExactly("default");
    assertThat(BootChecks.securityGroups(List.of("default"))).containsExactly("default");
    refused(
        Kind.SECURITY_GROUP_NOT_FOUND,
        "Security group web not found.",
        () -> BootChecks.securityGroups(List.of("default", "web")));
  }

  @Test
  void hintsWithoutAFilterAreRefusedNotIgnored() {
    assertThatCode(() -> BootChecks.hints(Map.of("same_host", List.of("x"), "mine", List.of("y"))))
        .doesNotThrowAnyException();
    refused(
        Kind.INVALID,
        "The scheduler hint 'query' is not supported.",
        () -> BootChecks.hints(Map.of("query", List.of("[]"))));
  }

  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      value = {
        "AUTO, -, AUTO",
        "MANUAL, True, MANUAL",
        "-, -, MANUAL",
        "-, true, AUTO",
        "-, disabled, MANUAL",
        "MANUAL, disabled, MANUAL",
      })
  void theDiskConfigIsAskedForOrTheImages(String asked, String ofImage, String expected) {
    Map<String, String> more = ofImage == null ? Map.of() : Map.of("auto_disk_config", ofImage);
    assertThat(BootChecks.diskConfig(asked, image(1, 0, 0, more))).isEqualTo(expected);
  }

  @Test
  void anImageCanForbidAnAutomaticDisk() {
    refused(
        Kind.INVALID,
        "Requested image i has automatic disk resize disabled.",
        () ->
            BootChecks.diskConfig("AUTO", image(1, 0, 0, Map.of("auto_disk_config", "Disabled"))));
  }
}
