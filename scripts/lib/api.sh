# shellcheck shell=bash
# Kilonova's HTTP API with curl and jq, as far as the scripts need it. Needs common.sh.

# api_login OPENRC: a token for what the openrc names. No secret gets on a command line.
api_login() {
  local headers rc=$1
  KN_API_DIR=$(mktemp -d)
  chmod 700 "$KN_API_DIR"
  # shellcheck disable=SC1090
  . "$rc"
  KN_KEYSTONE=${OS_AUTH_URL%/}
  case $KN_KEYSTONE in */v3) ;; *) KN_KEYSTONE+=/v3 ;; esac
  headers=$KN_API_DIR/headers
  jq -n '{auth: {identity: {methods: ["password"], password: {user: {name: env.OS_USERNAME,
      domain: {name: (env.OS_USER_DOMAIN_NAME // "Default")}, password: env.OS_PASSWORD}}},
    scope: {project: {name: env.OS_PROJECT_NAME, domain: {name: (env.OS_PROJECT_DOMAIN_NAME // "Default")}}}}}' |
    curl -sS -m 30 -D "$headers" -o "$KN_API_DIR/catalog" -H 'Content-Type: application/json' --data @- \
      "$KN_KEYSTONE/auth/tokens" || fail "no answer from $KN_KEYSTONE"
  (umask 077 && tr -d '\r' <"$headers" | sed -n 's/^[Xx]-[Ss]ubject-[Tt]oken: */X-Auth-Token: /p' >"$KN_API_DIR/token")
  [ -s "$KN_API_DIR/token" ] || fail "the controller does not take the password in $rc: $(head -c 300 "$KN_API_DIR/catalog")"
  KN_COMPUTE=$(api_endpoint compute) KN_IMAGE=$(api_endpoint image)
  case $KN_IMAGE in */v2) ;; *) KN_IMAGE+=/v2 ;; esac
}
api_logout() { [ -z "${KN_API_DIR:-}" ] || rm -rf "$KN_API_DIR"; }
api_endpoint() {
  local url
  url=$(jq -r --arg t "$1" '[.token.catalog[] | select(.type == $t) | .endpoints[] | select(.interface == "public") | .url][0] // empty' \
    "$KN_API_DIR/catalog")
  [ -n "$url" ] || fail "the catalog at $KN_KEYSTONE names no $1 service"
  printf '%s' "${url%/}"
}

# api METHOD URL [CURL-OPTION...]: body to stdout, status to KN_API_DIR/status; a body comes as --data @- on stdin.
api() {
  local method=$1 url=$2
  shift 2
  # -D, not -w: what a command substitution loses is kept in a file
  curl -sS -m 300 -X "$method" -H "@$KN_API_DIR/token" -H 'Accept: application/json' -D "$KN_API_DIR/answer" "$@" "$url" ||
    { printf 'HTTP/1.1 000 no answer\n' >"$KN_API_DIR/answer"; }
}
api_status() { tr -d '\r' <"$KN_API_DIR/answer" | awk '/^HTTP\// { s = $2 } END { print s + 0 }'; }
# api_ok WHAT BODY: stops unless the last answer was 2xx.
api_ok() {
  local status
  status=$(api_status)
  [[ $status =~ ^2 ]] || fail "$1: the API answered $status" "$(printf '%s' "$2" | jq -r '[.. | .message? // empty | strings][0] // empty' 2>/dev/null || true)"
}
api_post_json() { api POST "$1" "${@:2}" -H 'Content-Type: application/json' --data @-; }

# await_host SECONDS LOG: until some compute host is there to boot on. The front door opens before the hypervisor answers.
await_host() {
  local deadline=$((SECONDS + $1)) services
  while :; do
    services=$(api GET "$KN_COMPUTE/os-services?binary=nova-compute")
    api_ok "listing the compute services" "$services"
    ! jq -e 'any(.services[]; .state == "up")' >/dev/null <<<"$services" || return 0
    [ "$SECONDS" -lt "$deadline" ] || fail "no compute host is up after $1 s" "Does the hypervisor answer? The log: $2"
    sleep 0.3
  done
}

# upload_image NAME FORMAT FILE SHA256 [JSON-PROPERTIES]: makes and fills an image; prints its id.
upload_image() {
  local id answer
  answer=$(jq -n --arg n "$1" --arg f "$2" --arg s "$4" --argjson p "${5:-{\}}" \
    '{name: $n, container_format: $f, disk_format: $f, visibility: "public", kilonova_demo: $s} + $p' |
    api_post_json "$KN_IMAGE/images")
  api_ok "registering image $1" "$answer"
  id=$(jq -r .id <<<"$answer")
  answer=$(api PUT "$KN_IMAGE/images/$id/file" -H 'Content-Type: application/octet-stream' -T "$3")
  api_ok "uploading image $1" "$answer"
  printf '%s' "$id"
}
demo_sum() { jq -r --arg f "$2" '.parts[] | select(.format == $f) | .sha256' "$1/manifest.json"; }
# register_demo_image DIR: three images, unless they are there and hold what DIR holds. Prints nothing; sets KN_DEMO_IMAGE.
register_demo_image() {
  local dir=$1 aki ari have want
  want=$(demo_sum "$dir" ami)-$(demo_sum "$dir" aki | cut -c1-8)-$(demo_sum "$dir" ari | cut -c1-8)
  have=$(api GET "$KN_IMAGE/images?name=kilonova-demo" |
    jq -r --arg s "$want" '[.images[]? | select(.status == "active" and .kilonova_demo == $s) | .id][0] // empty')
  if [ -n "$have" ]; then
    KN_DEMO_IMAGE=$have
    ok "image kilonova-demo: registered already"
    return
  fi
  aki=$(upload_image kilonova-demo-kernel aki "$dir/kernel" "$(demo_sum "$dir" aki)")
  ari=$(upload_image kilonova-demo-initrd ari "$dir/initrd" "$(demo_sum "$dir" ari)")
  # shellcheck disable=SC2034
  KN_DEMO_IMAGE=$(upload_image kilonova-demo ami "$dir/root.img" "$want" "$(jq --arg k "$aki" --arg r "$ari" \
    '{kernel_id: $k, ramdisk_id: $r, os_command_line: .os_command_line, min_ram: 128}' "$dir/manifest.json")")
  ok "image kilonova-demo: registered (ami, with its kernel and initrd)"
}
# ensure_flavor ID NAME VCPUS RAM DISK
ensure_flavor() {
  local answer
  answer=$(api GET "$KN_COMPUTE/flavors/$1")
  if [ "$(api_status)" = 200 ]; then
    ok "flavor $(jq -r .flavor.name <<<"$answer"): there already"
    return
  fi
  answer=$(jq -n --arg i "$1" --arg n "$2" --argjson v "$3" --argjson r "$4" --argjson d "$5" \
    '{flavor: {id: $i, name: $n, vcpus: $v, ram: $r, disk: $d, "os-flavor-access:is_public": true}}' |
    api_post_json "$KN_COMPUTE/flavors")
  api_ok "making flavor $2" "$answer"
  ok "flavor $2: made ($3 vCPU, $4 MB, $5 GB)"
}
server_get() { api GET "$KN_COMPUTE/servers/$1"; }
# server_console ID LINES
server_console() {
  jq -n --argjson l "$2" '{"os-getConsoleOutput": {length: $l}}' | api_post_json "$KN_COMPUTE/servers/$1/action" |
    jq -r '.output // empty' 2>/dev/null || true
}
# watch_server ID START SECONDS: shows each step as it is seen, until ACTIVE or ERROR; prints how it ended in KN_SERVER.
watch_server() {
  local id=$1 start=$2 deadline=$((SECONDS + $3)) last='' step
  while :; do
    KN_SERVER=$(server_get "$id")
    if [ "$(api_status)" = 200 ]; then
      step=$(jq -r '.server | .status + " " + (."OS-EXT-STS:task_state" // "none")' <<<"$KN_SERVER")
      if [ "$step" != "$last" ]; then
        printf '    %7s  %-8s %s\n' "$(since "$start")" "${step% *}" "${step#* }"
        last=$step
      fi
      case $step in "ACTIVE none" | ERROR*) return ;; esac
    fi
    [ "$SECONDS" -lt "$deadline" ] || fail "server $id is not there after $3 s: $last" \
      "Look: openstack server show $id; openstack server event list $id; the log in $KN_STATE/log"
    sleep 0.15
  done
}
# server_steps ID: the table of a boot's steps, as the controller's journal has them.
server_steps() {
  local request
  request=$(api GET "$KN_COMPUTE/servers/$1/os-instance-actions" |
    jq -r '[.instanceActions[]? | select(.action == "create") | .request_id][0] // empty')
  [ -n "$request" ] || return 0
  api GET "$KN_COMPUTE/servers/$1/os-instance-actions/$request" | jq -r '
    def secs: capture("T(?<h>\\d+):(?<m>\\d+):(?<s>[\\d.]+)") | (.h | tonumber) * 3600 + (.m | tonumber) * 60 + (.s | tonumber);
    def round3: . * 1000 | round / 1000;
    .instanceAction as $a | ($a.events // []) | sort_by(.start_time) | if length == 0 then empty else
      (["step", "began after", "took", "result"],
       (.[] | [.event, "\((.start_time | secs) - ($a.start_time | secs) | round3) s",
         (if .finish_time then "\((.finish_time | secs) - (.start_time | secs) | round3) s" else "-" end), (.result // "-")])) | @tsv end' |
    table
}
