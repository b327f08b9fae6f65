package org.kilonova.identity;

import at.favre.lib.crypto.bcrypt.BCrypt;
import at.favre.lib.crypto.bcrypt.LongPasswordStrategies;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Hashes and checks passwords with bcrypt. The work is done by a few threads of its own, so that
 * logins cannot starve other requests; when too many wait, the next is refused. Blocks its caller:
 * call it from virtual threads.
 */
public final class Passwords implements AutoCloseable {
  private static final BCrypt.Version VERSION = BCrypt.Version.VERSION_2B;
  private static final int WAITING_MAX = 256;

  private final int cost;
  private final ThreadPoolExecutor pool;
  // bcrypt reads 72 bytes at most; a longer password is hashed before, not cut off
  private final BCrypt.Hasher hasher =
      BCrypt.with(VERSION, Ids.random(), LongPasswordStrategies.hashSha512(VERSION));
  private final BCrypt.Verifyer verifyer =
      BCrypt.verifyer(VERSION, LongPasswordStrategies.hashSha512(VERSION));
  private final String decoy;

  /**
   * @param cost bcrypt's work factor: 2^cost rounds, 4 to 31
   * @param threads how many passwords are worked on at the same time
   */
  public Passwords(int cost, int threads) {
    this.cost = cost;
    this.pool =
        new ThreadPoolExecutor(
            threads,
            threads,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(WAITING_MAX),
            Thread.ofPlatform().daemon().name("kilonova-password-", 0).factory());
    this.decoy = hasher.hashToString(cost, Ids.secret(16).toCharArray());
  }

  /**
   * The hash to store.
   *
   * @throws IdentityException BUSY if too many wait
   */
  public String hash(String password) {
    return onPool(() -> hasher.hashToString(cost, password.toCharArray()));
  }

  /**
   * Whether the password belongs to the hash. Takes as long for a null hash, so that the time does
   * not tell whether the user exists.
   *
   * @throws IdentityException BUSY if too many wait
   */
  public boolean matches(String password, String hash) {
    byte[] stored = (hash == null ? decoy : hash).getBytes(StandardCharsets.US_ASCII);
    byte[] given = password.getBytes(StandardCharsets.UTF_8);
    boolean same = onPool(() -> verifyer.verify(given, stored).verified);
    return same && hash != null;
  }

  private <T> T onPool(Supplier<T> work) {
    Future<T> result;
    try {
      result = pool.submit(work::get);
    } catch (RejectedExecutionException e) {
      throw new IdentityException(
          IdentityException.Kind.BUSY, "Too many passwords are being checked, try again.");
    }
    try {
      return result.get();
    } catch (InterruptedException e) {
      result.cancel(false);
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted while a password was checked");
    } catch (ExecutionException e) {
      throw new IllegalStateException("checking a password failed", e.getCause());
    }
  }

  @Override
  public void close() {
    pool.shutdownNow();
  }
}
