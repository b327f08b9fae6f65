# shellcheck shell=bash
# Helpers that Kilonova's scripts share. Source it after `set -euo pipefail`.
# Exit codes everywhere: 0 done, 1 failed, 2 wrong use.

KN_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
KN_JAR=$KN_ROOT/target/kilonova.jar
KN_SELF=${0##*/}
# shellcheck disable=SC2034  # for the scripts that source this
KN_JVM_FLAGS=(--enable-native-access=ALL-UNNAMED -XX:+IgnoreUnrecognizedVMOptions
  --sun-misc-unsafe-memory-access=allow)
# For a machine whose processors the guests need more: a small heap, the collector with the fewest threads, and no second
# compiler. That one is for hours of the same load; in the first ten thousand boots it costs more than it saves.
# shellcheck disable=SC2034
read -ra KN_JAVA_OPTS <<<"${KILONOVA_JAVA_OPTS:--Xmx768m -XX:+UseSerialGC -XX:TieredStopAtLevel=1}"

# ---------------------------------------------------------------- output
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  KN_BOLD=$'\e[1m' KN_DIM=$'\e[2m' KN_RED=$'\e[31m' KN_GREEN=$'\e[32m' KN_YELLOW=$'\e[33m' KN_OFF=$'\e[0m'
else
  KN_BOLD='' KN_DIM='' KN_RED='' KN_GREEN='' KN_YELLOW='' KN_OFF=''
fi

title() { printf '\n%s%s%s\n' "$KN_BOLD" "$*" "$KN_OFF"; }
say() { printf '  %s\n' "$*"; }
ok() { printf '  %s✓%s %s\n' "$KN_GREEN" "$KN_OFF" "$*"; }
note() { printf '  %s%s%s\n' "$KN_DIM" "$*" "$KN_OFF"; }
warn() { printf '  %s!%s %s\n' "$KN_YELLOW" "$KN_OFF" "$*" >&2; }
# fail WHAT [WHAT-TO-DO ...]: one line that says what is wrong, then what to do.
fail() {
  printf '%s%s: %s%s\n' "$KN_RED" "$KN_SELF" "$1" "$KN_OFF" >&2
  shift
  local line
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
  exit 1
}
misuse() {
  printf '%s: %s\n' "$KN_SELF" "$1" >&2
  printf 'Try: %s --help\n' "$0" >&2
  exit 2
}
# The comment block at the top of a script is its help.
show_help() { awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$1"; }
# table: tab-separated lines on stdin, the first one a heading; columns as wide as they need to be.
table() {
  awk -F'\t' -v bold="$KN_BOLD" -v off="$KN_OFF" '
    { for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) }; if (NF > cols) cols = NF }
    END {
      for (r = 1; r <= NR; r++) {
        line = "  "
        for (i = 1; i <= cols; i++) line = line sprintf(i < cols ? "%-" width[i] + 2 "s" : "%s", cell[r, i])
        print (r == 1 ? bold line off : line)
      }
    }'
}
# Seconds since the epoch, with milliseconds; and the time since such a value.
now() { local t=$EPOCHREALTIME; printf '%s' "${t%???}"; }
since() { awk -v a="$1" -v b="${2:-$(now)}" 'BEGIN { printf "%.1f s", b - a }'; }

need_value() { [ "$1" -ge 2 ] || misuse "$2 needs a value"; }

# ---------------------------------------------------------------- root
is_root() { [ "$(id -u)" = 0 ]; }
# as_root COMMAND...: runs it as root; a user who is not root needs sudo.
as_root() {
  if is_root; then "$@"; else
    command -v sudo >/dev/null || fail "'$1' must be run as root, and there is no sudo" \
      "Run this script as root, or install sudo and allow yourself to use it."
    sudo "$@"
  fi
}
# state_cmd COMMAND...: for what lies in the state directory; it is root's when a user started the libvirt driver.
state_cmd() {
  if is_root || [ "$(cat "$KN_STATE/driver" 2>/dev/null)" != libvirt ]; then "$@"; else as_root "$@"; fi
}
# announce_root STEP: says once for each step that it needs root.
announce_root() { is_root || note "needs root: $* (through sudo)"; }

# ---------------------------------------------------------------- packages
# missing_packages FILE-PATTERN-OR-COMMAND|PACKAGE|WHY ...: prints "PACKAGE<tab>WHY" for each that the machine lacks.
missing_packages() {
  local entry probe package why
  for entry in "$@"; do
    IFS='|' read -r probe package why <<<"$entry"
    case $probe in
    /*) ! compgen -G "$probe" >/dev/null || continue ;;
    *) [ -z "$(PATH=$PATH:/usr/sbin:/sbin command -v "$probe")" ] || continue ;;
    esac
    printf '%s\t%s\n' "$package" "$why"
  done | sort -u
}
# ensure_packages MODE FILE-OR-COMMAND|PACKAGE|WHY ...: MODE is install or say.
# Says what is missing and why; installs it, or stops when it may not or cannot.
ensure_packages() {
  local mode=$1 missing names
  shift
  missing=$(missing_packages "$@")
  if [ -z "$missing" ]; then
    ok "packages: all there"
    return
  fi
  say "This machine lacks these packages of its distribution:"
  # one line for each package, whatever it is missing for
  awk -F'\t' -v OFS='\t' 'BEGIN { print "package", "what for" }
    $1 != last { if (last) print last, why; last = $1; why = $2; next } { why = why "; " $2 } END { print last, why }' \
    <<<"$missing" | table
  names=$(cut -f1 <<<"$missing" | sort -u | tr '\n' ' ')
  if [ "$mode" != install ]; then
    fail "packages are missing, and --no-install forbids installing them" \
      "Install them: apt-get install --no-install-recommends $names"
  fi
  command -v apt-get >/dev/null || fail "packages are missing, and this machine has no apt-get" \
    "Install what your distribution calls these: $names" "Or run a simulation, which needs none of them: scripts/up --driver fake"
  announce_root "installing packages"
  say "Installing them now ..."
  install_packages "$names"
  missing=$(missing_packages "$@")
  [ -z "$missing" ] || fail "still missing after the installation: $(cut -f1 <<<"$missing" | tr '\n' ' ')" \
    "See $KN_STATE/log/apt.log."
  ok "packages: installed"
}
install_packages() {
  local log=${KN_STATE:-$KN_ROOT/var}/log/apt.log names
  read -ra names <<<"$1"
  mkdir -p "${log%/*}"
  # Package lists may be absent or stale: refresh them only when the first try fails.
  # shellcheck disable=SC2024  # the log belongs to the user who runs this
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${names[@]}" >"$log" 2>&1 && return
  # shellcheck disable=SC2024
  { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${names[@]}"; } >>"$log" 2>&1 && return
  grep -E '^(E:|W:|Err)' "$log" | tail -5 >&2 || true
  fail "apt-get could not install: ${names[*]}" "The whole story is in $log." \
    "Where libvirt and QEMU cannot be had, scripts/up --driver fake runs a simulation."
}

# ---------------------------------------------------------------- Java
java_major() {
  "$1/bin/java" -XshowSettings:properties -version 2>&1 |
    awk -F'= *' '/java.specification.version/ { sub(/^1\./, "", $2); print int($2); exit }'
}
# find_jdk: sets JAVA_HOME to a JDK of 21 or later: JAVA_HOME, PATH, then the usual place; newest first.
find_jdk() {
  local candidate major best='' best_major=0 seen=''
  local -a candidates=()
  [ -z "${JAVA_HOME:-}" ] || candidates+=("$JAVA_HOME")
  if command -v javac >/dev/null; then
    candidate=$(readlink -f "$(command -v javac)")
    candidates+=("${candidate%/bin/javac}")
  fi
  for candidate in "${candidates[@]}" /usr/lib/jvm/* "$HOME"/.sdkman/candidates/java/*; do
    [ -x "$candidate/bin/javac" ] || continue
    candidate=$(readlink -f "$candidate")
    case $seen in *"|$candidate|"*) continue ;; esac
    seen+="|$candidate|"
    major=$(java_major "$candidate")
    [[ $major =~ ^[0-9]+$ ]] || continue
    if [ "$major" -ge 21 ]; then
      # what the user chose wins; among the rest, the newest
      if [ "$candidate" = "$(readlink -f "${JAVA_HOME:-/nonexistent}")" ]; then
        best=$candidate best_major=$major
        break
      fi
      [ "$major" -le "$best_major" ] || best=$candidate best_major=$major
    fi
  done
  [ -n "$best" ] || fail "no JDK 21 or later found (looked at JAVA_HOME, PATH and /usr/lib/jvm)" \
    "Debian 12 has none above 17. Get one of these:" \
    "  Eclipse Temurin: https://adoptium.net/installation/linux (its apt repository has temurin-21-jdk and later)" \
    "  Debian 13 (trixie) and later: apt-get install openjdk-21-jdk-headless" \
    "or unpack any JDK and point JAVA_HOME at it."
  export JAVA_HOME=$best
  # shellcheck disable=SC2034
  KN_JAVA=$JAVA_HOME/bin/java KN_JAVA_MAJOR=$best_major
}

jar_is_current() { [ -f "$KN_JAR" ] && [ -z "$(find "$KN_ROOT/src/main" "$KN_ROOT/pom.xml" -newer "$KN_JAR" -print -quit)" ]; }
# build_jar: makes target/kilonova.jar when a source is newer than it.
build_jar() {
  local log=$KN_STATE/log/build.log started
  if jar_is_current; then
    ok "build: target/kilonova.jar is up to date"
    return
  fi
  command -v mvn >/dev/null || fail "no Maven (mvn) to build with" "Install it: apt-get install --no-install-recommends maven"
  mkdir -p "${log%/*}"
  say "Building target/kilonova.jar; the first time this fetches libraries from Maven Central ..."
  started=$(now)
  (cd "$KN_ROOT" && flock "$KN_STATE/log/build.lock" mvn -B -q -DskipTests -Dspotless.check.skip=true package) >"$log" 2>&1 || {
    grep -E '^\[ERROR\]' "$log" | head -20 >&2 || tail -20 "$log" >&2
    fail "the build failed" "The whole story is in $log."
  }
  [ -f "$KN_JAR" ] || fail "the build made no target/kilonova.jar" "See $log."
  touch "$KN_JAR"
  ok "build: target/kilonova.jar in $(since "$started")"
}

# ---------------------------------------------------------------- processes
# A pid file holds "PID START": the start time (clock ticks since boot) tells a process from another that got its number.
proc_start() { [ -r "/proc/$1/stat" ] && sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
pid_record() {
  local start
  start=$(proc_start "$2") || return 1
  printf '%s %s\n' "$2" "$start" >"$1"
}
# ended PID: whether it is gone; a zombie is, too (where nobody reaps orphans they stay for ever).
ended() {
  local state
  state=$(sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1) || true
  [ -z "$state" ] || [ "$state" = Z ]
}
# pid_alive FILE [PATTERN]: prints the pid when the recorded process still runs (and its command line has PATTERN).
pid_alive() {
  local pid start
  [ -r "$1" ] || return 1
  read -r pid start <"$1" || return 1
  [[ $pid =~ ^[0-9]+$ ]] || return 1
  [ "$(proc_start "$pid")" = "$start" ] || return 1
  ! ended "$pid" || return 1
  if [ -n "${2:-}" ]; then tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$2" || return 1; fi
  printf '%s' "$pid"
}
# send SIGNAL PID: through sudo when the process is not ours.
send() {
  if kill -s "$1" "$2" 2>/dev/null; then return; fi
  [ ! -d "/proc/$2" ] || as_root kill -s "$1" "$2" 2>/dev/null || true
}
# stop_recorded FILE SECONDS [PATTERN]: TERM, wait, KILL. Prints how it ended: gone, stopped or killed.
stop_recorded() {
  local pid i
  pid=$(pid_alive "$1" "${3:-}") || {
    rm -f "$1"
    printf gone
    return
  }
  send TERM "$pid"
  for ((i = 0; i < $2 * 10; i++)); do
    pid_alive "$1" >/dev/null || break
    sleep 0.1
  done
  if pid_alive "$1" >/dev/null; then
    send KILL "$pid"
    for ((i = 0; i < 50; i++)); do
      pid_alive "$1" >/dev/null || break
      sleep 0.1
    done
    rm -f "$1"
    printf killed
  else
    rm -f "$1"
    printf stopped
  fi
}

# launch PIDFILE LOG ROOT|SELF NAME=VALUE... -- COMMAND...: a background process of its own session, with these
# variables in its environment (never on its command line), its output in LOG, its pid recorded.
launch() {
  local pidfile=$1 log=$2 who=$3 pid envfile i
  shift 3
  local -a vars=()
  while [ "$1" != -- ]; do
    vars+=("$1")
    shift
  done
  shift
  mkdir -p "${pidfile%/*}" "${log%/*}"
  rm -f "$pidfile" "$pidfile.new"
  # The environment goes through a file that only the owner reads: sudo would drop it, an argument list is public.
  envfile=$(mktemp "${pidfile%/*}/.env.XXXXXX")
  printf 'export %q\n' "${vars[@]}" >"$envfile"
  # shellcheck disable=SC2016
  local -a run=(setsid bash -c '. "$1"; rm -f "$1"; echo $$ >"$2"; shift 2; exec "$@"' launch "$envfile" "$pidfile.new" "$@")
  if [ "$who" = ROOT ] && ! is_root; then
    as_root "${run[@]}" </dev/null >>"$log" 2>&1 9>&- &
  else
    "${run[@]}" </dev/null >>"$log" 2>&1 9>&- &
  fi
  disown
  for ((i = 0; i < 100; i++)); do
    [ ! -s "$pidfile.new" ] || break
    sleep 0.1
  done
  [ -s "$pidfile.new" ] || fail "could not start $1" "See $log."
  read -r pid <"$pidfile.new"
  rm -f "$pidfile.new" 2>/dev/null || as_root rm -f "$pidfile.new"
  # A process that died at once leaves a record that never matches.
  pid_record "$pidfile" "$pid" || printf '%s gone\n' "$pid" >"$pidfile"
}

# why_it_stopped LOG: the lines of a log that a reader needs first.
why_it_stopped() {
  local lines
  lines=$(grep -E '^kilonova: |Address already in use|Exception in thread|(^| )ERROR( |$)' "$1" 2>/dev/null | tail -5) || true
  [ -n "$lines" ] || lines=$(tail -5 "$1" 2>/dev/null)
  printf '%s\n' "$lines"
}

# ---------------------------------------------------------------- HTTP
# wait_for_health URL PIDFILE LOG SECONDS: until URL answers 200; stops early when the process ends.
wait_for_health() {
  local deadline=$((SECONDS + $4))
  until [ "$(curl -s -o /dev/null -m 2 -w '%{http_code}' "$1" || true)" = 200 ]; do
    if ! pid_alive "$2" >/dev/null; then
      why_it_stopped "$3" >&2
      fail "the process ended before it served" "Its log: $3"
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
      why_it_stopped "$3" >&2
      fail "no answer from $1 within $4 s" "Its log: $3"
    fi
    sleep 0.2
  done
}

# port_taken PORT: whether something listens on it on this machine.
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
