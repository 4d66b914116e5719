# The frame of `run`, which sources it: how a test is built, run on either heap, judged and counted.
# shellcheck shell=bash
# shellcheck disable=SC2154 # root, tests, out, scratch and library come from `run`

# Not a measure of speed: the bound after which a test program counts as hanging.
limit_seconds=600

# CAIRN_OPTIONS of every program that runs on Cairn.
cairn_options=

passed=0
failed=0
skipped=0

pass() {
    printf 'ok   %s\n' "$1"
    passed=$((passed + 1))
}

fail() { # fail NAME WHY
    printf 'FAIL %s: %s\n' "$1" "$2"
    failed=$((failed + 1))
}

skip() { # skip NAME REASON
    printf 'skip %s: %s\n' "$1" "$2"
    skipped=$((skipped + 1))
}

# Runs `COMMAND NAME` for each name, as many at a time as there are processors, or C_TESTS_AT_ONCE.
# Each has a scratch folder of its own; what it says is shown when it is through, and its numbers
# are added.
side_by_side() { # side_by_side COMMAND NAME...
    local command=$1 name whole=$scratch/together at_once=${C_TESTS_AT_ONCE:-$(nproc)} sums
    shift
    mkdir -p "$whole"
    for name; do
        while (($(jobs -rp | wc -l) >= at_once)); do wait -n; done
        alone "$command" "$name" &
    done
    wait
    for name; do
        if read -ra sums <"$whole/${name//\//-}.sums"; then
            passed=$((passed + sums[0])) failed=$((failed + sums[1])) skipped=$((skipped + sums[2]))
        else
            fail "$name" "it ended before its numbers were known"
        fi
    done
}

alone() { # alone COMMAND NAME: in a subshell of side_by_side
    local command=$1 name=$2
    scratch=$whole/${name//\//-}
    mkdir -p "$scratch"
    passed=0 failed=0 skipped=0
    "$command" "$name" >"$scratch.text" 2>&1
    flock "$whole" cat "$scratch.text"
    printf '%d %d %d\n' "$passed" "$failed" "$skipped" >"$scratch.sums"
}

indent() {
    sed 's/^/     /'
}

build() { # build NAME COMPILER...: says nothing when all is well
    local name=$1
    shift
    "$@" >"$scratch/build.log" 2>&1 && return 0
    fail "build of $name" "the compiler complains"
    indent <"$scratch/build.log"
    return 1
}

have() { # have TOOL NAME: skips the test where the tool is missing
    command -v "$1" >/dev/null && return 0
    skip "$2" "there is no $1"
    return 1
}

have_library() { # have_library NAME
    [[ -e $library ]] && return 0
    skip "$1 (cairn)" "target/release/libcairn.so isn't built"
    return 1
}

# Runs a command; what it says goes to $scratch/said and $scratch/complaints. The outer redirection
# is for bash itself, which would add "Aborted" to the reports.
on() { # on ALLOCATOR COMMAND...
    local settings=(C_TESTS_ALLOCATOR="$1")
    [[ $1 == cairn ]] && settings+=(LD_PRELOAD="$library")
    [[ $1 == cairn && $cairn_options ]] && settings+=(CAIRN_OPTIONS="$cairn_options")
    shift
    {
        timeout --kill-after=10 "$limit_seconds" env "${settings[@]}" "$@" \
            >"$scratch/said" 2>"$scratch/complaints"
    } 2>/dev/null
}

# Runs a program with a table of checks (checks.h) and counts its lines.
table_on() { # table_on ALLOCATOR NAME COMMAND...
    local allocator=$1 name=$2 line rest ended=no status
    shift 2
    on "$allocator" "$@"
    status=$?
    while IFS= read -r line; do
        rest=${line#* }
        case $line in
        "ok "*) pass "$name/$rest ($allocator)" ;;
        "FAIL "*) fail "$name/${rest%%: *} ($allocator)" "${rest#*: }" ;;
        "skip "*) skip "$name/${rest%%: *} ($allocator)" "${rest#*: }" ;;
        end) ended=yes ;;
        *) indent <<<"$line" ;;
        esac
    done <"$scratch/said"
    [[ $ended == yes ]] && return
    fail "$name ($allocator)" "died before its last check, status $status"
    indent <"$scratch/complaints"
}

table() { # table NAME COMMAND...: on both
    table_on glibc "$@"
    have_library "$1" && table_on cairn "$@"
}

compare() { # compare NAME WHAT EXPECTED_FILE ACTUAL_FILE
    diff -u --label expected --label actual "$3" "$4" >"$scratch/difference" && return 0
    fail "$1" "$2 differs"
    indent <"$scratch/difference"
    return 1
}

# A program that must end well, with the same output everywhere and nothing on stderr.
output_on() { # output_on ALLOCATOR NAME EXPECTED_FILE COMMAND...
    local name="$2 ($1)" allocator=$1 expected=$3 status
    shift 3
    on "$allocator" "$@"
    status=$?
    compare "$name" output "$expected" "$scratch/said" || return
    compare "$name" stderr /dev/null "$scratch/complaints" || return
    if ((status == 0)); then pass "$name"; else fail "$name" "exit status $status"; fi
}

output() { # output NAME EXPECTED_FILE COMMAND...: on both
    output_on glibc "$@"
    have_library "$1" && output_on cairn "$@"
}

masked() { # process ids and addresses differ from run to run
    sed -E 's/cairn\[[0-9]+\]/cairn[PID]/; s/0x[0-9a-f]+/ADDRESS/g'
}

# A program that must end by SIGABRT with one report, after exactly the output expected before it.
report() { # report NAME EXPECTED_REPORT EXPECTED_OUTPUT ALLOCATOR COMMAND...
    local name=$1 expected_report=$2 expected_output=$3 status
    shift 3
    on "$@"
    status=$?
    masked <"$scratch/complaints" >"$scratch/masked"
    compare "$name" report "$expected_report" "$scratch/masked" || return
    compare "$name" output "$expected_output" "$scratch/said" || return
    if ((status == 134)); then pass "$name"; else fail "$name" "status $status, not SIGABRT"; fi
}
