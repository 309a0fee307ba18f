#!/bin/sh
# Training and inference killed at ten random moments, by SIGKILL and SIGINT in turn: no file is ever
# damaged, no more is lost than what came after the last checkpoint, and what the resumed run ends with is
# what an undisturbed one ends with, bit by bit.  AXM_FULL: longer runs, sixty moments.
set -u
B=${B:-build}
axmul=$B/axmul
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
seed=1 moments=10 images=2304 epochs=3
[ -z "${AXM_FULL:-}" ] || { moments=60 images=12256 epochs=4; }
held=256 every=3
steps=$(((images - held) / 128))   # an epoch

verdict() {   # NAME, and what is wrong on standard input
    odd=$(head -n 1)
    if [ -n "$odd" ]; then echo "FAIL network_kill__$1: $odd"; else echo "PASS network_kill__$1"; fi
}
random() {   # N: so many numbers in 0..1
    awk -v seed=$seed -v n="$1" 'BEGIN { srand(seed); for (i = 0; i < n; i++) print rand() }'
}
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# Starts COMMAND..., waits until the pattern UNTIL appears in its messages (-: does not), then SHARE of SPAN ms,
# and kills it.  Sets signal and code.
kills=0
kill_during() {   # UNTIL SHARE SPAN COMMAND...
    until=$1 share=$2 span=$3
    shift 3
    : > "$work/err"
    "$@" > "$work/out" 2> "$work/err" &
    pid=$!
    while [ "$until" != - ] && kill -0 $pid 2> /dev/null && ! grep -q "$until" "$work/err"; do sleep 0.005; done
    sleep "$(awk -v s="$share" -v span="$span" 'BEGIN { printf "%.3f", s * span / 1000 }')"
    signal=KILL
    [ $((kills % 2)) = 0 ] || signal=INT
    kills=$((kills + 1))
    kill -$signal $pid 2> /dev/null
    wait $pid 2> /dev/null
    code=$?
}
check_code() {   # of the run that was killed: it died of it, stopped as asked, or was done before
    case $signal$code in
    KILL137 | INT130 | KILL0 | INT0) ;;
    *) echo "SIG$signal: exit code $code, $(tail -n 1 "$work/err")" ;;
    esac
}

# --- training -----------------------------------------------------------------------------------

set --   # what training images there are: the Debian package's, or the cache's
if [ -d /usr/share/datasets/fashion-mnist ]; then
    set -- --data fashion-mnist --data-dir /usr/share/datasets/fashion-mnist
elif ! "$axmul" data --format csv 2> /dev/null | grep -q '^mnist,.*,cached,'; then
    echo "SKIP network_kill__training: no dataset-fashion-mnist, and no mnist in the cache"
    images=0
fi
train() {   # NAME THREADS RUNNER [DATA OPTIONS]: the runner's words come before the command's
    name=$1 threads=$2 runner=$3
    shift 3
    # shellcheck disable=SC2086  # words
    $runner "$axmul" train lenet5i -o "$work/$name.axm" --csv "$work/$name.csv" --images $images --validation $held \
        --epochs $epochs --checkpoint-steps $every --threads "$threads" --keep-best --seed 5 "$@"
}
# Steps that the run in $work/err had behind it when it went on; $last if it was killed before it said so.
position() {
    sed -n 's/.*going on after epoch \([0-9]*\), step \([0-9]*\)$/\1 \2/p' "$work/err" |
        awk -v steps=$steps -v last=$last '{ p = $1 * steps + $2 } END { print NR ? p : last }'
}
without_times() { cut -d, -f1-5 "$1"; }

# What a run left behind; a finished one begins the next round.
last=0 rounds=0
check_files() {
    lines=0
    [ ! -e "$work/killed.csv" ] || lines=$(($(wc -l < "$work/killed.csv") - 1))
    if [ -e "$work/killed.axm" ]; then
        cmp "$work/calm.axm" "$work/killed.axm" 2>&1
        rm -f "$work/killed.axm" "$work/killed.axm.checkpoint"
        last=0 rounds=$((rounds + 1))
    else
        # A line of the CSV file is written after the checkpoint of its epoch.
        last=$((lines * steps > last ? lines * steps : last))
    fi
    if [ $lines -gt 0 ]; then
        without_times "$work/killed.csv" > "$work/part"
        without_times "$work/calm.csv" | head -n $((lines + 1)) | cmp - "$work/part" 2>&1
    fi
    [ $last -gt 0 ] || rm -f "$work/killed.csv"
}

if [ $images -gt 0 ]; then
    began=$(now_ms)
    train calm 2 '' "$@" > "$work/calm.out" 2> "$work/err" || echo "FAIL network_kill__training: exit code $?"
    took=$(($(now_ms) - began))
    echo "  undisturbed: $epochs epochs of $steps steps, $took ms"
    {
        for share in $(random $moments); do
            train killed $((1 + kills % 2)) "kill_during oneDNN $share $((took / 8))" "$@"
            check_code
            at=$(position)
            echo "  went on at step $at; SIG$signal, exit code $code" >> "$work/log"
            [ "$at" -ge $last ] || echo "went on at step $at, step $last had been saved"
            last=$at
            check_files
        done
        train killed 2 '' "$@" > "$work/killed.out" 2> "$work/err" || echo "exit code $?: $(tail -n 1 "$work/err")"
        grep -q 'going on' "$work/err" || [ $last = 0 ] || echo "began again after step $last"
        at=$(position)
        echo "  the last run went on at step $at; $rounds had ended before" >> "$work/log"
        [ "$at" -ge $last ] || echo "went on at step $at, step $last had been saved"
        cmp "$work/calm.out" "$work/killed.out" 2>&1
        [ ! -e "$work/killed.axm.checkpoint" ] || echo "the checkpoint is still there"
        find "$work" -name 'killed.*.tmp-*' | sed 's/$/ stays behind/'
        [ "$(wc -l < "$work/killed.csv")" = $((epochs + 1)) ] || echo "the CSV file has $(wc -l < "$work/killed.csv") lines"
        check_files
    } > "$work/odd"
    cat "$work/log"
    verdict training < "$work/odd"
fi

# --- inference ------------------------------------------------------------------------------------

infer() {   # RUNNER NAME
    # shellcheck disable=SC2086  # words
    $1 "$axmul" infer builtin:lenet5i --paper --resume "$work/$2.rows" --no-memo --threads 1 --format csv --quiet
}
began=$(now_ms)
infer '' calm > "$work/calm.out" 2> "$work/err" || echo "FAIL network_kill__inference: exit code $?"
took=$(($(now_ms) - began))
echo "  undisturbed: 21 multipliers, $took ms"
{
    for share in $(random $moments); do
        infer "kill_during - $share $((took / 6))" killed
        check_code
        [ -e "$work/killed.rows" ] || continue
        # Rows are kept as they come: never a half one, never one less than before.
        head -c "$(wc -c < "$work/killed.rows")" "$work/calm.rows" | cmp - "$work/killed.rows" 2>&1
        [ -z "$(tail -c 1 "$work/killed.rows" | tr -d '\n')" ] || echo "half a line is kept"
        [ "$(wc -l < "$work/killed.rows")" -ge "${kept:-0}" ] || echo "rows are lost"
        kept=$(wc -l < "$work/killed.rows")
        echo "  SIG$signal, exit code $code: $((kept - 1)) rows are kept" >> "$work/log.infer"
    done
    infer '' killed > "$work/killed.out" 2> "$work/err" || echo "exit code $?: $(tail -n 1 "$work/err")"
    find "$work" -name 'killed.*.tmp-*' | sed 's/$/ stays behind/'
    cmp "$work/calm.out" "$work/killed.out" 2>&1
    cmp "$work/calm.rows" "$work/killed.rows" 2>&1
} > "$work/odd"
cat "$work/log.infer"
verdict inference < "$work/odd"

# A trace is there whole or not at all.
trace() {   # RUNNER NAME
    # shellcheck disable=SC2086  # words
    $1 "$axmul" infer builtin:lenet5i --mult scdm8s_x5_y2 --trace conv4 --pairs 4000000 -o "$work/$2.i16" --quiet
}
began=$(now_ms)
trace '' calm || echo "FAIL network_kill__traces: exit code $?"
took=$(($(now_ms) - began)) whole=0
{
    for share in $(random $moments); do
        trace "kill_during - $share $took" killed
        check_code
        [ -e "$work/killed.i16" ] || continue
        cmp "$work/calm.i16" "$work/killed.i16" 2>&1
        whole=$((whole + 1))
        rm "$work/killed.i16"
    done
    [ $whole -lt "$moments" ] || echo "no run was killed"
} > "$work/odd"
echo "  a trace: $took ms; $whole of $moments came to their end"
verdict traces < "$work/odd"
