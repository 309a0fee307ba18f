#!/bin/sh
# Cosimulation, by threads and by processes, killed at random moments, by SIGKILL and SIGINT in turn: the file of --resume is never damaged,
# batches that are kept stay kept, and the report in the end is that of an undisturbed run, byte by byte.
# AXM_FULL: more images, forty moments a backend.
set -u
B=${B:-build}
axmul=$B/axmul
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
seed=1 moments=4 images=1000 images_rtl=64
[ -z "${AXM_FULL:-}" ] || { moments=40 images_rtl=400; }

verdict() {   # NAME, and what is wrong on standard input
    odd=$(head -n 1)
    if [ -n "$odd" ]; then echo "FAIL cosim_kill__$1: $odd"; else echo "PASS cosim_kill__$1"; fi
}
now_ms() { echo $(($(date +%s%N) / 1000000)); }
random() {   # N: so many numbers in 0..1
    awk -v seed=$seed -v n="$1" 'BEGIN { srand(seed); for (i = 0; i < n; i++) print rand() }'
}

kept_batches() {   # of the one run in the file: "0-3 7" are five
    [ -e "$1" ] || { echo 0; return; }
    tail -n 1 "$1" | cut -d, -f19 |
        awk '{ for (i = 1; i <= NF; i++) { n = split($i, a, "-"); k += a[n] - a[1] + 1 } }
             END { print k + 0 }'
}

# Kills OPTIONS... at random moments until it has ended once more than that.
killed_run() {   # NAME IMAGES OPTIONS...
    name=$1 n=$2
    shift 2
    cosim() {   # in a process of its own: it takes its place
        exec "$axmul" cosim builtin:lenet5i --mult scdm8s_x5_y2 --images "$n" --format csv "$@"
    }
    began=$(now_ms)
    (cosim "$@") > "$work/calm" 2> "$work/err" || { echo "exit code $?: $(tail -n 1 "$work/err")"; return; }
    took=$(($(now_ms) - began))
    file=$work/$name.resume kills=0 kept=0 ended=0
    for share in $(random "$moments"); do
        cosim --resume "$file" "$@" > "$work/out" 2> "$work/err" &
        pid=$!
        sleep "$(awk -v s="$share" -v span=$((took / 2)) 'BEGIN { printf "%.3f", s * span / 1000 }')"
        signal=KILL
        [ $((kills % 2)) = 0 ] || signal=INT
        kills=$((kills + 1))
        kill -$signal $pid 2> /dev/null
        wait $pid 2> /dev/null
        code=$?
        now=$(kept_batches "$file")
        echo "  $name: SIG$signal, exit code $code, $now batches are kept" >> "$work/log"
        [ "$now" -ge "$kept" ] || echo "$now batches are kept, $kept were before"
        kept=$now
        case $signal$code in
        KILL137) ;;
        INT130)
            [ "$now" = 0 ] || grep -q 'the same command goes on there' "$work/err" ||
                echo "SIGINT does not say how to go on: $(tail -n 1 "$work/err")" ;;
        KILL0 | INT0)
            cmp "$work/calm" "$work/out" 2>&1
            ended=$((ended + 1)) kept=0
            rm "$file" ;;
        *) echo "SIG$signal: exit code $code, $(tail -n 1 "$work/err")" ;;
        esac
    done
    (cosim --resume "$file" "$@") > "$work/out" 2> "$work/err" ||
        echo "exit code $?: $(tail -n 1 "$work/err")"
    cmp "$work/calm" "$work/out" 2>&1
    (cosim --resume "$file" "$@") 2> "$work/err" | cmp "$work/calm" - 2>&1
    grep -q "$n images ($n of them before)" "$work/err" || echo "a run that is done is run again"
    echo "  $name: $took ms undisturbed, $ended of $moments came to their end" >> "$work/log"
    [ $ended -lt "$moments" ] || echo "no run was killed"
}

: > "$work/log"
killed_run bitslice $images --batch 64 > "$work/odd"
cat "$work/log"
verdict bitslice < "$work/odd"
: > "$work/log"
killed_run processes $images --batch 64 --processes 3 > "$work/odd"
cat "$work/log"
verdict processes < "$work/odd"

# A worker dies: that ends the run with what was lost, and what was done is kept.  Its parent dies: so do they.
children() { cat "/proc/$1/task/$1/children" 2> /dev/null; }
processes() {   # in a process of its own
    exec "$axmul" cosim builtin:lenet5i --mult scdm8s_x5_y2 --images 1000 --format csv --batch 25 \
        --processes 2 --resume "$work/dies.resume"
}
begin() {   # sets pid, and worker once the second batch is done
    rm -f "$work/dies.resume"
    processes > "$work/out" 2> "$work/err" &
    pid=$!
    while kill -0 $pid 2> /dev/null && [ "$(kept_batches "$work/dies.resume")" -lt 2 ]; do sleep 0.02; done
    worker=$(children $pid | cut -d' ' -f2)
}
# An orphan that has ended may wait long for init to notice.
runs() { # PID
    state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2> /dev/null)
    [ -n "$state" ] && [ "$state" != Z ]
}
if [ -e /proc/$$/task/$$/children ]; then
    {
        begin
        kill -KILL "$worker" || echo "no worker process"
        wait $pid
        code=$?
        [ $code = 3 ] || echo "exit code $code, not 3"
        grep -Eq 'worker process 1 died of signal 9 .*batch [0-9]+, images [0-9]+\.\.[0-9]+$' "$work/err" ||
            echo "not said: $(cat "$work/err")"
        (processes) > "$work/out" 2> "$work/err" || echo "exit code $?: $(tail -n 1 "$work/err")"
        grep -q '1000 images ([1-9][0-9]* of them before)' "$work/err" || echo "it began anew"
        "$axmul" cosim builtin:lenet5i --mult scdm8s_x5_y2 --format csv --quiet --batch 25 | cmp - "$work/out" 2>&1
        begin
        kill -KILL $pid
        wait $pid 2> /dev/null
        tries=0
        while runs "$worker" && [ $tries -lt 50 ]; do
            sleep 0.1
            tries=$((tries + 1))
        done
        ! runs "$worker" || { echo "a worker outlives its parent"; kill "$worker"; }
    } > "$work/odd" 2> "$work/shell"
    verdict a_worker_that_dies < "$work/odd"
else
    echo "SKIP cosim_kill__a_worker_that_dies: the kernel does not tell children"
fi
if command -v verilator > /dev/null; then
    "$axmul" cosim builtin:lenet5i --images 1 --backend rtl --quiet > /dev/null   # compiles it
    : > "$work/log"
    killed_run rtl $images_rtl --batch 4 --backend rtl --stall 10 > "$work/odd"
    cat "$work/log"
    verdict rtl < "$work/odd"
else
    echo "SKIP cosim_kill__rtl: no verilator"
fi
