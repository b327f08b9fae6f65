# shellcheck shell=bash
# Small Debian systems in a directory, made by debootstrap. Needs common.sh.

# debian_mirror RELEASE: where this machine's apt gets that release from, else where it gets another release of the same
# kind (security or not).
debian_mirror() {
  local mirror='' archive=debian
  case $1 in *-security) archive=debian-security ;; esac
  if command -v apt-get >/dev/null; then
    # shellcheck disable=SC2016  # for apt-get to expand
    mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(ORIGIN)' 2>/dev/null |
      awk -v r="$1" -v security="$([ "$archive" = debian ] || echo 1)" '$3 != "Debian" { next }
        $2 == r && !same { same = $1 }
        (security ? $2 ~ /-security$/ : $2 !~ /-/) && !other { other = $1 }
        END { print same ? same : other }')
  fi
  [ -n "$mirror" ] || fail "this machine's apt names no Debian archive that has $1" \
    "Name one in /etc/apt/sources.list (or sources.list.d), then: apt-get update"
  printf '%s' "$mirror"
}
# chroot_own_release: this machine's release when it is a Debian, else trixie.
chroot_own_release() {
  # shellcheck disable=SC1091
  (. /etc/os-release && if [ "$ID" = debian ] && [ -n "${VERSION_CODENAME:-}" ]; then echo "$VERSION_CODENAME"; else echo trixie; fi)
}

# chroot_make DIR RELEASE: a minimal Debian in DIR, with the updates and the security fixes; kept when it is there.
chroot_make() {
  local root=$1 release=$2 mirror debootstrap log=$1.log
  [ ! -e "$root/.kilonova-chroot" ] || return 0
  case $root in /*/*) ;; *) fail "$root is no place for a chroot" ;; esac
  [ ! -e "$root" ] || [ -z "$(ls -A "$root" 2>/dev/null)" ] || [ -e "$root/debootstrap" ] || [ -e "$root/etc/debian_version" ] ||
    fail "$root is not empty, and not a chroot of ours" "Name another place."
  mirror=$(debian_mirror "$release") || exit 1
  # the package brings wget, which it downloads with: unpacked alone it does not run on a minimal machine
  ensure_packages install "debootstrap|debootstrap|making a small Debian in a directory" "wget|wget|downloads its packages"
  debootstrap=$(PATH=$PATH:/usr/sbin command -v debootstrap)
  say "Making a Debian $release in $root from $mirror (a minute or two) ..."
  as_root rm -rf --one-file-system "$root"
  mkdir -p "${root%/*}"
  # shellcheck disable=SC2024
  as_root "$debootstrap" --variant=minbase \
    --include=ca-certificates "$release" "$root" "$mirror" >"$log" 2>&1 ||
    { tail -5 "$log" >&2 && fail "debootstrap failed" "See $log."; }
  {
    printf 'deb %s %s main\ndeb %s %s-updates main\n' "$mirror" "$release" "$mirror" "$release"
    # a machine whose apt takes no security updates gives the chroot none either
    if security=$(debian_mirror "$release-security" 2>/dev/null); then printf 'deb %s %s-security main\n' "$security" "$release"; fi
  } | as_root tee "$root/etc/apt/sources.list" >/dev/null
  printf 'APT::Install-Recommends "false";\nAcquire::Languages "none";\n' |
    as_root tee "$root/etc/apt/apt.conf.d/90kilonova" >/dev/null
  # no service is to start in there
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$root/usr/sbin/policy-rc.d" >/dev/null
  as_root chmod 755 "$root/usr/sbin/policy-rc.d"
  printf '%s\n' "$release" | as_root tee "$root/.kilonova-chroot" >/dev/null
}
chroot_install() {
  local root=$1 log=$1.log
  shift
  # shellcheck disable=SC2024
  { chroot_run "$root" -- apt-get -q update &&
    chroot_run "$root" -- env DEBIAN_FRONTEND=noninteractive apt-get -q -y install "$@" &&
    chroot_run "$root" -- apt-get clean; } >>"$log" 2>&1 || { tail -5 "$log" >&2 && fail "apt-get failed in $root" "See $log."; }
}
# chroot_run DIR [MOUNTED-DIRECTORY...] -- COMMAND...: in a mount namespace of its own, with a clean environment but for
# OS_..., TERM and the like. The working directory is kept when it is mounted.
chroot_run() {
  local root=$1 key value varfile status=0
  local -a mounts=() vars=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8)
  shift
  while [ "$1" != -- ]; do
    mounts+=("$1")
    shift
  done
  shift
  while IFS='=' read -r -d '' key value; do
    case $key in OS_* | KN_CHROOT_* | TERM | COLUMNS | PYTHON*) vars+=("$key=$value") ;; esac
  done < <(env -0)
  # Secrets among them go through a file that only its owner reads: an argument list is public, and sudo closes every
  # descriptor but the first three.
  varfile=$(mktemp)
  printf '%s\0' "${vars[@]}" "KN_CHROOT_ROOT=$root" >"$varfile"
  # shellcheck disable=SC2016
  as_root unshare --mount --propagation private bash -c '
    set -e
    root=$1 cwd=$2 varfile=$3 count=$4
    shift 4
    while IFS= read -r -d "" variable; do vars+=("$variable"); done <"$varfile"
    rm -f "$varfile"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    # A node is the same in every namespace: a group of this root, to which it is given in here, would have it outside.
    if [ -c /dev/kvm ]; then : >"$root/.no-kvm" && mount --bind "$root/.no-kvm" "$root/dev/kvm"; fi
    mount -t sysfs -o ro sysfs "$root/sys" 2>/dev/null || true
    for file in resolv.conf hosts; do cat "/etc/$file" >"$root/etc/$file" 2>/dev/null || true; done
    inside=/
    for directory in "${@:1:count}"; do
      mkdir -p "$root$directory"
      mount --rbind "$directory" "$root$directory"
      [ "$directory" != "$cwd" ] || inside=$cwd
    done
    shift "$count"
    unset root
    for name in $(compgen -e); do case $name in PATH) ;; *) unset "$name" 2>/dev/null || true ;; esac; done
    for variable in "${vars[@]}"; do export "${variable?}"; done
    exec chroot "$KN_CHROOT_ROOT" /usr/bin/env -C "$inside" "$@"
  ' chroot-run "$root" "$PWD" "$varfile" "${#mounts[@]}" "${mounts[@]}" "$@" || status=$?
  # it is still there when sudo refused
  rm -f "$varfile"
  return "$status"
}
