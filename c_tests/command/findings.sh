# Part of the group of the command: what `cairn check` finds isn't lost, and its options for that.
# shellcheck shell=bash
# shellcheck disable=SC2154 # root, tests, out, scratch and the rest come from `run` and `group.sh`

# The subject under check, told to do what the word says.
subject() { # subject FOLDER WORD OPTION...
    local folder=$1 word=$2
    shift 2
    mkdir -p "$folder"
    on glibc "$command_program" check "$@" "$out/command_subject" "$folder/mark" "$word"
}

# Whether a file says something, after at most ten seconds.
comes_to_say() { # comes_to_say NAME FILE WORDS
    local count
    for ((count = 0; count < 100; count++)); do
        if grep -qsF -e "$3" "$2"; then
            pass "command/$1"
            return
        fi
        sleep 0.1
    done
    fail "command/$1" "$2 doesn't say: $3"
    indent <"$2"
}

command_findings() {
    findings_leaks
    findings_suppressions
    findings_first_error
    findings_children
    findings_killed
    findings_debug_files
    findings_capabilities
}

findings_leaks() {
    local place=$scratch/leaks lost="24 bytes in 1 blocks are definitely lost"
    local run=("$out/command_subject" "$place/mark" lose)
    mkdir -p "$place"
    says "leak-check=full tells of each leak" 9 "$lost" check --error-exitcode=9 "${run[@]}"
    says "leak-check=yes is full" 9 "(subject.c:$(line_of lose))" \
        check --leak-check=yes --error-exitcode=9 "${run[@]}"
    says "leak-check=summary tells how many" 0 "definitely lost: 24 bytes in 1 blocks" \
        check --leak-check=summary --error-exitcode=9 "${run[@]}"
    lacks "leak-check=summary tells of none" "loss record"
    says "leak-check=no doesn't look" 0 "rerun with: --leak-check=full" \
        check --leak-check=no --error-exitcode=9 "${run[@]}"
    lacks "leak-check=no tells of none" "lost"
    says "kinds of leaks that are no errors" 0 "$lost" \
        check --errors-for-leak-kinds=none --error-exitcode=9 "${run[@]}"
}

# What the last run must not have said.
lacks() { # lacks NAME WORDS
    if cat "$scratch/said" "$scratch/complaints" | grep -qF -e "$2"; then
        fail "command/$1" "it says: $2"
    else
        pass "command/$1"
    fi
}

# What is generated suppresses just what it was generated for.
findings_suppressions() {
    local folder=$scratch/suppressions
    subject "$folder" both --gen-suppressions=all --log-file="$folder/log"
    sed -n '/^{$/,/^}$/p' "$folder/log" >"$folder/known.supp"
    says "what is generated suppresses" 0 "0 errors from 0 contexts (suppressed: 2 from 2)" \
        check --suppressions="$folder/known.supp" --error-exitcode=9 \
        "$out/command_subject" "$folder/mark" both
    sed -n '1,/^}$/p' "$folder/known.supp" >"$folder/first.supp"
    says "one entry suppresses one error" 9 "1 errors from 1 contexts (suppressed: 1 from 1)" \
        check --suppressions="$folder/first.supp" --error-exitcode=9 \
        "$out/command_subject" "$folder/mark" both
}

findings_first_error() {
    local folder=$scratch/first
    mkdir -p "$folder"
    says "without a wish a program goes on after an error" 0 "went on" \
        check "$out/command_subject" "$folder/mark" both
    says "a program ends at its first error" 1 "Double free" \
        check --exit-on-first-error "$out/command_subject" "$folder/mark" both
    lacks "nothing comes after the first error" "went on"
}

# Children that outlive the program: forked, and executed.
findings_children() {
    local folder=$scratch/children word
    for word in leave execute; do
        mkdir -p "$folder/$word"
        subject "$folder/$word" "$word" --trace-children=yes --save-record="$folder/$word/record" \
            --log-file="$folder/$word/log"
        comes_to_say "what a child does after the program's end is told ($word)" \
            "$folder/$word/log" "Double free"
        comes_to_say "the record of a run whose children outlive it is saved ($word)" \
            "$folder/$word/record" "double-free"
    done
    mkdir -p "$folder/each"
    subject "$folder/each" execute --trace-children=yes --log-file="$folder/each/%p.txt"
    for _ in {1..100}; do
        cat "$folder/each"/*.txt >"$folder/each/all" 2>/dev/null
        grep -q 'Double free' "$folder/each/all" && break
        sleep 0.1
    done
    comes_to_say "each child has its own log" "$folder/each/all" "Double free"
}

# The command is killed while the program runs.
findings_killed() {
    local folder=$scratch/killed pid program
    mkdir -p "$folder/temporary"
    TMPDIR=$folder/temporary "$command_program" check --log-file="$folder/log" \
        "$out/command_subject" "$folder/mark" wait >/dev/null 2>&1 &
    pid=$!
    comes_to_say "a program that waits has made its error" "$folder/mark" "done"
    comes_to_say "an error is told at once" "$folder/log" "Double free"
    program=$(cat "/proc/$pid/task/$pid/children")
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    for program in $program; do kill -KILL "$program"; done
    on glibc "$command_program" report "$folder"/temporary/cairn.*/record
    if grep -q 'Double free' "$scratch/said"; then
        pass "command/the record of a command that was killed is there"
    else
        fail "command/the record of a command that was killed is there" "$(<"$scratch/complaints")"
    fi
}

# Debug information that stands apart: by build id, by link, and shared (made by dwz).
findings_debug_files() {
    local folder=$scratch/debug id line words
    words="(subject.c:$(line_of twice))"
    have objcopy binutils || return
    mkdir -p "$folder"
    gcc "${c_flags[@]}" -O0 -g -Wl,--build-id "$tests/command/subject.c" -o "$folder/whole" || return
    id=$(readelf -n "$folder/whole" | sed -n 's/.*Build ID: //p')
    line=$folder/kept/.build-id/${id:0:2}
    mkdir -p "$line"
    objcopy --only-keep-debug "$folder/whole" "$line/${id:2}.debug"
    objcopy --strip-all "$folder/whole" "$folder/stripped"
    local run=("$folder/stripped" "$folder/mark" twice)
    says "a stripped program has no lines" 0 "??? (in $folder/stripped)" check "${run[@]}"
    says "lines by build id" 0 "$words" check --extra-debuginfo-path="$folder/kept" "${run[@]}"
    cp "$line/${id:2}.debug" "$folder/apart.debug"
    objcopy --strip-all --add-gnu-debuglink="$folder/apart.debug" "$folder/whole" "$folder/stripped"
    says "lines by link" 0 "$words" check "${run[@]}"
    have dwz dwz || return
    cp "$folder/apart.debug" "$folder/other.debug"
    if ! dwz -m "$folder/shared.debug" -M shared.debug "$folder/apart.debug" "$folder/other.debug" \
        >"$scratch/build.log" 2>&1; then
        fail "command/lines by what dwz has shared" "dwz fails"
        indent <"$scratch/build.log"
        return
    fi
    says "lines by what dwz has shared" 0 "$words" check "${run[@]}"
}

# File capabilities count for who isn't root, and nowhere on a mount without setuid.
findings_capabilities() {
    local folder
    if ((EUID != 0)); then
        skip "command/capabilities" "only root can give them to a file"
        return
    fi
    have setcap libcap2-bin || return
    have setpriv util-linux || return
    folder=$(mktemp -d /tmp/cairn-capable.XXXXXX)
    chmod 755 "$folder"
    cp "$out/command_subject" "$folder/capable"
    cp "$command_program" "$library" "$folder"
    if ! setcap cap_net_raw+ep "$folder/capable" 2>"$scratch/complaints"; then
        skip "command/capabilities" "the folder for temporary files takes none"
    else
        as_nobody "a program with file capabilities is refused" 2 "it has file capabilities" "$folder"
        if mount --bind "$folder" "$folder" 2>/dev/null; then
            mount -o remount,bind,nosuid "$folder"
            as_nobody "on a mount without setuid they don't count" 0 "" "$folder"
            umount "$folder"
        else
            skip "command/nosuid" "nothing can be mounted here"
        fi
    fi
    rm -rf "$folder"
}

as_nobody() { # as_nobody NAME STATUS WORDS FOLDER
    local name=command/$1 status
    on glibc setpriv --reuid=nobody --regid=nogroup --clear-groups "$4/cairn" check "$4/capable"
    status=$?
    if ((status == $2)) && grep -qF -e "$3" "$scratch/complaints"; then
        pass "$name"
    else
        fail "$name" "status $status: $(<"$scratch/complaints")"
    fi
}
