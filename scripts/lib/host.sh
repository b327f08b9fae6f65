# shellcheck shell=bash
# shellcheck disable=SC2034  # some variables are for the scripts that source this
# The hypervisor's side of a machine: what it needs, its daemons, its guests, the embedded PostgreSQL.
# Needs common.sh and KN_STATE.

KN_LIBVIRT_URI=${KILONOVA_LIBVIRT_URI:-qemu:///system}
KN_HOST_DATA=${KILONOVA_DATA_DIR:-/var/lib/kilonova}

# host_packages DRIVER BUILD(yes|no): sets KN_PACKAGES to what ensure_packages is to look for.
host_packages() {
  KN_PACKAGES=(
    "curl|curl|talking to the controller's API"
    "jq|jq|reading its answers"
  )
  [ "$2" = no ] || KN_PACKAGES+=("mvn|maven|building target/kilonova.jar")
  [ "$1" != libvirt ] || KN_PACKAGES+=(
    "libvirtd|libvirt-daemon-system|the hypervisor's daemon"
    "virtlogd|libvirt-daemon-system|keeps the guests' console logs"
    "/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so|libvirt-daemon-driver-qemu|libvirt's QEMU driver"
    "virsh|libvirt-clients|looking at guests, shutting them off"
    "qemu-system-x86_64|qemu-system-x86|runs the guests"
    "qemu-img|qemu-utils|makes the guests' disks"
    "genisoimage|genisoimage|makes config drives"
    "dnsmasq|dnsmasq-base|hands addresses to guests"
    "ip|iproute2|bridges and network cards"
  )
}

# Hardware virtualisation is what the processor says, not what /dev has.
has_hw_virt() { grep -qEw 'vmx|svm' /proc/cpuinfo && [ -e /dev/kvm ]; }
virsh_() { LC_ALL=C as_root virsh -q -c "$KN_LIBVIRT_URI" "$@"; }
libvirt_answers() { virsh_ version >/dev/null 2>&1; }
has_systemd() { [ -d /run/systemd/system ]; }

# open_kvm_node: where no udev runs, /dev/kvm stays with root alone. QEMU's own user cannot use it then, but libvirt's
# capability probe (which may override permissions) says that it can; libvirt sees the contradiction and probes QEMU
# anew at every call: about 4 s for each start of a guest. So give it to the group that udev's rules name.
open_kvm_node() {
  [ -c /dev/kvm ] && getent group kvm >/dev/null || return 0
  # UNKNOWN: some container's own group.
  case $(stat -c '%U:%G:%a' /dev/kvm) in root:root:600 | root:UNKNOWN:660) ;; *) return 0 ;; esac
  announce_root "giving /dev/kvm to group kvm"
  as_root chgrp kvm /dev/kvm && as_root chmod 660 /dev/kvm
  note "/dev/kvm: given to group kvm until the next boot, as udev would have done (else each start of a guest takes 4 s more)"
}

# start_libvirt: makes sure that virtlogd and libvirtd run; what it starts is written to $KN_STATE/started-daemons.
start_libvirt() {
  local started=$KN_STATE/started-daemons daemon pid i
  mkdir -p "$KN_STATE"
  open_kvm_node
  if libvirt_answers; then
    ok "libvirtd: runs"
    return
  fi
  announce_root "starting virtlogd and libvirtd"
  if has_systemd; then
    as_root systemctl start libvirtd || fail "systemctl could not start libvirtd" "See: journalctl -u libvirtd"
    echo "systemd libvirtd" >>"$started"
  else
    for daemon in virtlogd libvirtd; do
      if pid=$(cat "/run/$daemon.pid" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$daemon" ]; then continue; fi
      as_root env PATH="$PATH:/usr/sbin:/sbin" "$daemon" -d 9>&- || fail "$daemon does not start" \
        "Run it in the foreground to see why: $daemon"
      for ((i = 0; i < 50; i++)); do
        pid=$(cat "/run/$daemon.pid" 2>/dev/null) && [ -n "$pid" ] && break
        sleep 0.1
      done
      [ -n "${pid:-}" ] || fail "$daemon wrote no /run/$daemon.pid" "Run it in the foreground to see why: $daemon"
      printf '%s %s %s\n' "$daemon" "$pid" "$(proc_start "$pid")" >>"$started"
    done
  fi
  for ((i = 0; i < 100; i++)); do
    if libvirt_answers; then
      ok "libvirtd: started"
      return
    fi
    sleep 0.1
  done
  fail "libvirtd runs but does not answer at $KN_LIBVIRT_URI" "Try: virsh -c $KN_LIBVIRT_URI version"
}
# stop_started_daemons: those that start_libvirt started and nobody else needs.
stop_started_daemons() {
  local started=$KN_STATE/started-daemons daemon pid start i
  [ -s "$started" ] || return 0
  if libvirt_answers && [ -n "$(virsh_ list --name)" ]; then
    note "libvirtd stays: other guests run on this machine"
    return
  fi
  # the last one started goes first
  tac "$started" | while read -r daemon pid start; do
    if [ "$daemon" = systemd ]; then
      as_root systemctl stop "$pid.socket" "$pid-ro.socket" "$pid-admin.socket" "$pid" 2>/dev/null || true
      ok "$pid: stopped"
    elif [ "$(proc_start "$pid")" = "$start" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$daemon" ]; then
      send TERM "$pid"
      for ((i = 0; i < 100; i++)); do
        ! ended "$pid" || break
        sleep 0.1
      done
      ok "$daemon: stopped"
    fi
  done
  rm -f "$started"
}

# our_domains [--running] CLOUD-ID: names of the domains whose metadata names this cloud; never another one's.
our_domains() {
  local flag=--all name cloud metadata
  [ "$1" != --running ] || { flag='' && shift; }
  cloud=$1
  # shellcheck disable=SC2086
  virsh_ list --name $flag | while read -r name; do
    [ -n "$name" ] || continue
    # no pipe: grep -q ends first, and a virsh that still writes would fail the whole
    metadata=$(virsh_ metadata "$name" --uri https://kilonova.org/xmlns/libvirt/1 2>/dev/null) || continue
    if grep -qE "<([a-z]+:)?cloud id=['\"]${cloud}['\"]" <<<"$metadata"; then
      printf '%s\n' "$name"
    fi
  done
}
# stop_guests CLOUD-ID: a shutdown that the guest sees, and after 20 s the plug.
stop_guests() {
  local names name left i
  mapfile -t names < <(our_domains --running "$1")
  [ "${#names[@]}" -gt 0 ] || return 0
  say "Shutting off ${#names[@]} guest(s) ..."
  for name in "${names[@]}"; do
    # A paused one has not begun (it is resumed only after the journal says so): nothing in it can hear the button.
    if [ "$(virsh_ domstate "$name" 2>/dev/null | head -1)" = paused ]; then
      virsh_ destroy "$name" >/dev/null 2>&1 || true
    else
      virsh_ shutdown "$name" >/dev/null 2>&1 || true
    fi
  done
  for ((i = 0; i < 40; i++)); do
    mapfile -t left < <(our_domains --running "$1")
    [ "${#left[@]}" -gt 0 ] || break
    # a guest that is only just booting does not hear the button: press it again now and then
    [ $((i % 8)) != 7 ] || for name in "${left[@]}"; do virsh_ shutdown "$name" >/dev/null 2>&1 || true; done
    sleep 0.5
  done
  for name in "${left[@]}"; do
    virsh_ destroy "$name" >/dev/null 2>&1 || true
    warn "$name did not shut down within 20 s: switched off"
  done
  ok "guests: ${#names[@]} shut off"
}
# stop_postgres DIR: ends every PostgreSQL whose data lies under DIR (fast shutdown: sessions end, data is safe).
stop_postgres() {
  local file pid i
  while IFS= read -r file; do
    pid=$(state_cmd head -1 "$file" 2>/dev/null) || continue
    [[ $pid =~ ^[0-9]+$ ]] || continue
    grep -qaE '^postgres|/postgres' "/proc/$pid/cmdline" 2>/dev/null || continue
    send INT "$pid"
    for ((i = 0; i < 300; i++)); do
      ! ended "$pid" || break
      sleep 0.1
    done
    ended "$pid" || fail "PostgreSQL (pid $pid) does not stop" "Its data is in ${file%/*}."
    ok "PostgreSQL: stopped"
  done < <(state_cmd find "$1" -maxdepth 4 -path "$KN_STATE/cluster" -prune -o -name postmaster.pid -print 2>/dev/null)
}

# remove_guests CLOUD-ID: undefines our domains.
remove_guests() {
  local name
  our_domains "$1" | while read -r name; do
    virsh_ destroy "$name" >/dev/null 2>&1 || true
    virsh_ undefine "$name" --managed-save --snapshots-metadata --nvram >/dev/null 2>&1 ||
      virsh_ undefine "$name" >/dev/null 2>&1 || warn "cannot undefine $name"
    ok "removed guest $name"
  done
}

# stop_host_network CLOUD-ID PURGE: the DHCP servers that the driver started; with PURGE their bridges and rules, too.
stop_host_network() {
  local directory pid bridge stopped=0
  local -a directories
  # root's directory: its entries are not for everybody to list
  mapfile -t directories < <(as_root find "$KN_HOST_DATA/$1/networks" -mindepth 1 -maxdepth 1 -type d 2>/dev/null)
  for directory in "${directories[@]}"; do
    pid=$(as_root cat "$directory/dnsmasq.pid" 2>/dev/null || true)
    if [[ $pid =~ ^[0-9]+$ ]] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$directory/"; then
      send TERM "$pid"
      stopped=$((stopped + 1))
    fi
    [ -n "$2" ] || continue
    # the driver notes the bridge there only if it made it
    bridge=$(as_root cat "$directory/bridge" 2>/dev/null || true)
    if [ -n "$bridge" ] && [ -d "/sys/class/net/$bridge/bridge" ]; then
      if [ -n "$(ls "/sys/class/net/$bridge/brif")" ]; then
        warn "bridge $bridge stays: something else is plugged in"
      else
        as_root ip link delete dev "$bridge"
        ok "removed bridge $bridge"
      fi
    fi
    [ -z "$bridge" ] || ! command -v nft >/dev/null || as_root nft delete table ip "kilonova-$bridge" 2>/dev/null || true
  done
  [ "$stopped" = 0 ] || ok "DHCP servers: $stopped stopped"
}
