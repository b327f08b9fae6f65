package org.kilonova.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class VirtualSizeTest {
  private static final int QCOW2 = 0x514649fb;
  private static final long GIB = 1L << 30;

  private static byte[] header(int version, long backing, long size, long features) {
    ByteBuffer header = ByteBuffer.allocate(104);
    header.putInt(0, QCOW2).putInt(4, version).putLong(8, backing).putLong(24, size);
    header.putLong(72, features);
    return header.array();
  }

  private static VirtualSize of(byte[] data, int chunk) {
    VirtualSize size = new VirtualSize();
    for (int at = 0; at < data.length; at += chunk) {
      byte[] part = Arrays.copyOfRange(data, at, Math.min(data.length, at + chunk));
      size.update(part, part.length);
    }
    return size;
  }

  @Test
  void aQcow2SaysHowLargeItsDiskIsHoweverItsBytesArrive() {
    byte[] header = header(3, 0, 10 * GIB, 0);
    assertThat(of(header, 104).of(104)).contains(10 * GIB);
    assertThat(of(header, 7).of(104)).contains(10 * GIB);
    assertThat(of(header, 1).of(104)).contains(10 * GIB);
  }

  @Test
  void otherDataAreAsLargeAsTheyAre() {
    assertThat(of(new byte[512], 512).of(512)).contains(512L);
    assertThat(of(new byte[2], 2).of(2)).contains(2L);
    assertThat(new VirtualSize().of(0)).contains(0L);
  }

  @Test
  void aQcow2WithoutAHeaderHasNoKnownSize() {
    assertThat(of(new byte[] {0x51, 0x46, 0x49, (byte) 0xfb, 0}, 5).of(5)).isEmpty();
  }

  @Test
  void aQcow2ThatNamesAnotherFileIsRefused() {
    assertThatThrownBy(() -> of(header(3, 512, GIB, 0), 104).of(104))
        .isInstanceOf(ImageException.class);
    assertThatThrownBy(() -> of(header(2, 512, GIB, 0), 104).of(104))
        .isInstanceOf(ImageException.class);
    assertThatThrownBy(() -> of(header(3, 0, GIB, 4), 104).of(104))
        .isInstanceOf(ImageException.class);
    // version 2 has no features: what is there is something else
    assertThat(of(header(2, 0, GIB, 4), 104).of(104)).contains(GIB);
  }
}
