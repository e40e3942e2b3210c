# Sourced by the project's bash scripts: where the cache is, how to speak, how to run a long step.
# shellcheck shell=bash disable=SC2034

# Everything that one clone can leave for the next lives here: built control planes, the Python tools, Go.
TP_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/team-provisioning

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }
now_ms() { date +%s%3N; }
on_terminal() { [ -t 2 ] && [ "${TERM:-dumb}" != dumb ]; }

# process_id PID: prints "PID START", where START is the kernel's start tick of that process. Together
# they name one process for ever: a recycled pid has another start tick.
process_id() {
  local stat
  stat=$(cat "/proc/$1/stat" 2> /dev/null) || return 1
  set -- "$1" ${stat##*) } # the name may contain blanks and ")": fields count from after the last one
  [ "$2" != Z ] || return 1
  echo "$1 ${21}"
}

# recorded_pid FILE: prints the pid that FILE (written by process_id) names, if that very process still lives.
recorded_pid() {
  local pid start
  read -r pid start 2> /dev/null < "$1" || return 1
  [ "$(process_id "$pid")" = "$pid $start" ] && echo "$pid"
}

# stop_group PID: ends the process group that PID leads: an interrupt first, so that a test runner can
# clean up after itself, then by force.
stop_group() {
  local pid=$1 signal
  for signal in INT TERM KILL; do
    kill -"$signal" -- "-$pid" 2> /dev/null || return 0
    for _ in {1..150}; do
      kill -0 -- "-$pid" 2> /dev/null || return 0
      sleep 0.1
    done
  done
}

# step WHAT HOW_LONG LOG COMMAND [ARG...]: runs COMMAND with its output in LOG and says how it goes. On a
# terminal the elapsed time is a line that moves; elsewhere a line each half minute shows that it lives.
# COMMAND gets a process group of its own, which goes when we are asked to stop.
step_pid=
step() {
  local what=$1 how_long=$2 log=$3 start=$SECONDS elapsed status=0
  shift 3
  mkdir -p "$(dirname "$log")"
  say "==> $what${how_long:+ ($how_long)}"
  set -m
  "$@" > "$log" 2>&1 < /dev/null &
  step_pid=$!
  set +m
  while kill -0 "$step_pid" 2> /dev/null; do
    # Short naps, each ended by a signal: a trap of the caller runs at once.
    sleep 0.2 &
    wait $! || true
    elapsed=$((SECONDS - start))
    if on_terminal; then
      [ "$elapsed" -lt 1 ] || printf '\r    %d s ' "$elapsed" >&2
    elif [ "$elapsed" -ge "${next:=30}" ]; then
      say "    $elapsed s: $(tail -n 1 "$log" | tr -d '\r' | cut -c -100)"
      next=$((elapsed + 30))
    fi
  done
  wait "$step_pid" || status=$?
  step_pid=
  unset next
  elapsed=$((SECONDS - start))
  on_terminal && printf '\r\033[K' >&2
  if [ "$status" -ne 0 ]; then
    tail -n "${STEP_TAIL:-40}" "$log" | sed 's/^/    | /' >&2
    say "    FAILED after $elapsed s: $what (exit $status); whole log: $log"
    return "$status"
  fi
  say "    done in $elapsed s"
}
