# How a program is built and run under a checker; `run` and `table` source it.
# shellcheck shell=bash
# shellcheck disable=SC2154 # check, tests, out, scratch, library, cairn come from those who source it
# shellcheck disable=SC2034 # and they read what is set here

# As the article's reader compiles. Warnings are off: the compiler sees some of the bugs too.
flags=(-g -O0 -w -pthread)

# shellcheck source=../frame.sh
source "$tests/frame.sh"
limit_seconds=60

said() { # said SOURCE WORD: what the source says of itself in a comment
    sed -n "s|^// $2: ||p" "$1"
}

compile() { # compile SOURCE [ASAN]: sets $program, and $precise to what it asks for
    local source=$1 compiler=gcc
    precise=$(said "$1" precise)
    program=$out/$(basename "$(dirname "$source")")/$(basename "${source%.*}")${2:+.asan}
    mkdir -p "${program%/*}"
    [[ $source == *.cpp ]] && compiler=g++
    [[ $program -nt $source ]] && return
    if grep -q '^// plugin: ' "$source"; then
        build "$(basename "$source")" "$compiler" "${flags[@]}" -DPLUGIN -shared -fPIC "$source" \
            -o "$program.so" || return
    fi
    build "$(basename "$source")" "$compiler" "${flags[@]}" "$source" -o "$program" \
        ${2:+-fsanitize=address} -ldl
}

# Whether the kernel gives watchpoints of the processor, which see what is before a block.
has_watchpoints() {
    if [[ -z ${watchpoints_status:-} ]]; then
        gcc "$check/watchpoints.c" -o "$scratch/watchpoints" && "$scratch/watchpoints"
        watchpoints_status=$?
    fi
    return "$watchpoints_status"
}

# Sets $front to what runs a program under the engine, with its report in files of its own.
set_front() { # set_front ENGINE GUARD
    local options kinds=(--leak-check=full --show-leak-kinds=all) guard=(--guard="$2")
    # Every block is guarded, whatever that costs.
    [[ $2 == all ]] && guard=(--guard-budget=1000000)
    case $1 in
    cairn | json)
        front=("$cairn" check "${kinds[@]}" --trace-children=yes "${guard[@]}"
            --precise="${precise:-auto}" --log-file="$scratch/report.%p")
        [[ $1 == json ]] && front+=(--format=json)
        front+=(--) ;;
    # The library without the command: it gives addresses, and not every loss record.
    alone)
        options=check=1:guard=$2:precise=${precise:-auto}:log=$scratch/report.%p
        front=(env LD_PRELOAD="$library" CAIRN_OPTIONS="$options") ;;
    valgrind)
        front=(valgrind "${kinds[@]}" --trace-children=yes --log-fd=9) ;;
    asan)
        front=(env ASAN_OPTIONS="log_path=$scratch/report") ;;
    esac
}

# Runs a program under the engine; what that reports goes to $scratch/report. Sets $status and
# $elapsed_s.
run_checked() { # run_checked ENGINE GUARD LIMIT_KIB COMMAND...
    local engine=$1 limit=$3 front start_s=$SECONDS
    set_front "$1" "$2"
    shift 3
    rm -f "$scratch"/report*
    {
        (
            ulimit -v "$limit"
            timeout --kill-after=10 "$limit_seconds" "${front[@]}" "$@" >"$scratch/said" \
                2>"$scratch/complaints" 9>>"$scratch/report.all" </dev/null
        )
    } 2>/dev/null
    status=$?
    elapsed_s=$((SECONDS - start_s))
    cat /dev/null "$scratch"/report.* >"$scratch/report" 2>/dev/null
    if [[ $engine == alone ]]; then
        mv "$scratch/report" "$scratch/report.plain"
        awk -v program="$1" -f "$check/lines.awk" "$scratch/report.plain" >"$scratch/report"
    fi
}
