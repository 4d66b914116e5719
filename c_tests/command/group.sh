# The group of the command `cairn`: what it refuses, how it runs programs, where it reports to.
# shellcheck shell=bash
# shellcheck disable=SC2154 # root, tests, out, scratch and library come from `run`

command_program=$root/target/release/cairn

# shellcheck source=findings.sh
source "$tests/command/findings.sh"

# The status and words of one run of the command; what it writes to both ends is looked through.
says() { # says NAME STATUS WORDS ARGUMENT...
    local name=command/$1 expected=$2 words=$3 status
    shift 3
    on glibc "$command_program" "$@"
    status=$?
    if ((status != expected)); then
        fail "$name" "status $status, not $expected"
        indent <"$scratch/complaints"
    elif [[ -n $words ]] && ! cat "$scratch/said" "$scratch/complaints" | grep -qF -e "$words"; then
        fail "$name" "it doesn't say: $words"
        cat "$scratch/said" "$scratch/complaints" | indent
    else
        pass "$name"
    fi
}

# A program that must not run: it would leave a mark.
refuses() { # refuses NAME WORDS PROGRAM
    rm -f "$scratch/mark"
    says "refuses $1" 2 "$2" check "$3" "$scratch/mark"
    says "refuses $1 to run" 2 "$2" run "$3" "$scratch/mark"
    if [[ -e $scratch/mark ]]; then
        fail "command/refuses $1" "it has run"
    fi
}

group_command() {
    skip "command (glibc)" "it is Cairn's"
    have_library command || return
    if [[ ! -e $command_program ]]; then
        skip command "target/release/cairn isn't built"
        return
    fi
    build command_subject gcc "${c_flags[@]}" -O0 "$tests/command/subject.c" \
        -o "$out/command_subject" || return
    command_usage
    command_refusals
    command_privileges
    command_runs
    command_signals
    command_reports
    command_findings
    command_own_pages
    command_install
}

command_usage() {
    says "no action is bad usage" 2 "Usage: cairn"
    says "an unknown option is bad usage" 2 "--nonsense" check --nonsense true
    says "check wants a program" 2 "PROGRAM" check
    says "a bad value is bad usage" 2 "none of definite" check --show-leak-kinds=all,x true
    says "the program's options are its own" 0 "cairn-word" run echo cairn-word --leak-check=no -q
    says "help has examples" 0 "cairn check ./program" --help
    says "help of check has examples" 0 "cairn report -v run.record" check --help
    says "the version is told" 0 "cairn $(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")" \
        --version
    says "missing suppressions are told" 2 "no-such-file" check --suppressions=/no-such-file true
    printf 'nonsense\n' >"$scratch/bad.supp"
    says "bad suppressions are told" 2 "line 1" check --suppressions="$scratch/bad.supp" true
    says "a log that can't be written is told" 2 "--log-file" check --log-file=/no/such true
    says "a descriptor that isn't open is told" 2 "--log-fd=77" check --log-fd=77 true
}

command_refusals() {
    local folder=$scratch/refusals
    mkdir -p "$folder"
    refuses "a missing file" "there is no such program" "$folder/missing"
    refuses "a missing name" "in PATH" cairn-no-such-program
    refuses "a folder" "it is a folder" "$folder"
    printf '#!/bin/sh\ntouch "$1"\n' >"$folder/plain"
    refuses "a file without permission" "it isn't executable" "$folder/plain"
    printf '#!%s/missing\n' "$folder" >"$folder/orphan" && chmod +x "$folder/orphan"
    refuses "a script without its interpreter" "its interpreter" "$folder/orphan"
    # The start of a program for 64-bit ARM.
    printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0\x01\0\0\0' >"$folder/foreign"
    chmod +x "$folder/foreign"
    refuses "a foreign processor" "64-bit ARM" "$folder/foreign"
    printf 'MZ\0\0' >"$folder/windows" && chmod +x "$folder/windows"
    refuses "another system's program" "neither a program for Linux nor a script" "$folder/windows"
    build command_static gcc "${c_flags[@]}" -static "$tests/command/subject.c" \
        -o "$folder/static" || return
    refuses "a static program" "statically linked" "$folder/static"
    printf '#!%s/static\n' "$folder" >"$folder/script" && chmod +x "$folder/script"
    refuses "a script with a static interpreter" "statically linked" "$folder/script"
    on glibc env CAIRN_LIBRARY="$folder/plain" "$command_program" run true
    if (($? == 2)) && grep -q "isn't a shared library" "$scratch/complaints"; then
        pass "command/a wrong library is told"
    else
        fail "command/a wrong library is told" "$(<"$scratch/complaints")"
    fi
}

# Programs with privileges that root doesn't have: those of another user and group.
command_privileges() {
    local folder=$scratch/privileges
    if ((EUID != 0)); then
        skip "command/privileges" "only root can make such programs"
        return
    fi
    mkdir -p "$folder" && cp "$out/command_subject" "$folder/setuid"
    cp "$out/command_subject" "$folder/setgid"
    chown nobody "$folder/setuid" && chmod u+s "$folder/setuid"
    chgrp nogroup "$folder/setgid" && chmod g+s "$folder/setgid"
    if [[ $(stat -f -c %T "$folder") == *nosuid* ]]; then
        skip "command/privileges" "the folder for temporary files ignores them"
        return
    fi
    refuses "a setuid program" "it is setuid" "$folder/setuid"
    refuses "a setgid program" "it is setgid" "$folder/setgid"
    chown root "$folder/setuid" && chmod u+s "$folder/setuid"
    says "a program of the same user isn't privileged" 0 "" run "$folder/setuid"
}

command_runs() {
    local name
    says "run keeps the exit status" 7 "" run sh -c 'exit 7'
    says "check keeps the exit status" 7 "" check -q sh -c 'exit 7'
    says "check keeps the signal" 143 "SIGTERM" check sh -c 'kill -TERM $$'
    says "the end of options is seen" 0 "-q" check -q -- echo -q
    name="command/run preloads the library"
    if on glibc env CAIRN_OPTIONS=stats=1 "$command_program" run "$out/command_subject" &&
        grep -q heap "$scratch/complaints"; then
        pass "$name"
    else
        fail "$name" "$(<"$scratch/complaints")"
    fi
    name="command/check leaves input and output alone"
    if printf 'a line\n' | on glibc "$command_program" check -q cat &&
        [[ $(<"$scratch/said") == 'a line' && ! -s $scratch/complaints ]]; then
        pass "$name"
    else
        fail "$name" "$(cat "$scratch/said" "$scratch/complaints")"
    fi
}

# What is sent to the command is meant for the program.
command_signals() {
    local name="command/signals reach the program" pid status
    "$command_program" check -q sh -c "trap 'exit 9' TERM; echo >'$scratch/ready'
        while :; do sleep 0.1; done" >"$scratch/said" 2>"$scratch/complaints" &
    pid=$!
    for _ in {1..200}; do
        [[ -s $scratch/ready ]] && break
        sleep 0.1
    done
    kill -TERM "$pid"
    wait "$pid"
    status=$?
    if ((status == 9)); then pass "$name"; else fail "$name" "status $status, not 9"; fi
}

command_reports() {
    local fixture=$root/src/bin/cairn/fixtures/everything.record folder=$scratch/reports name logs
    mkdir -p "$folder"
    says "report shows a record" 0 "ERROR SUMMARY: 22 errors from 18 contexts" report "$fixture"
    says "report has a status for errors" 5 "SIGFPE" report --error-exitcode=5 "$fixture"
    says "report writes JSON" 0 '"kind":"summary"' report --format=json "$fixture"
    says "report wants a record" 2 "isn't a record" report "$tests/command/subject.c"
    says "report wants a file" 2 "no-such-file" report /no-such-file
    says "check finds a double free" 9 "Double free" \
        check --error-exitcode=9 "$out/command_subject" "$folder/mark" twice
    says "check names the line" 0 "(subject.c:$(line_of twice))" \
        check "$out/command_subject" "$folder/mark" twice
    says "a right program has no error" 0 "ERROR SUMMARY: 0 errors from 0 contexts" \
        check --error-exitcode=9 "$out/command_subject"
    says "the record is saved" 0 "" check --log-file="$folder/log" \
        --save-record="$folder/record" "$out/command_subject" "$folder/mark" twice
    name="command/a saved record says the same"
    on glibc "$command_program" report "$folder/record"
    compare "$name" report "$folder/log" "$scratch/said" && pass "$name"
    name="command/each process has its log"
    on glibc "$command_program" check --trace-children=yes --log-file="$folder/%p.txt" \
        sh -c "$out/command_subject; :"
    logs=$(find "$folder" -name '[0-9]*.txt' | wc -l)
    if ((logs >= 2)); then pass "$name"; else fail "$name" "$logs files"; fi
    name="command/a descriptor takes the log"
    on glibc sh -c "exec '$command_program' check --log-fd=9 true 9>'$folder/fd'"
    if grep -q 'ERROR SUMMARY' "$folder/fd" && [[ ! -s $scratch/complaints ]]; then
        pass "$name"
    else
        fail "$name" "$(<"$scratch/complaints")"
    fi
}

line_of() { # line_of WORD: the line of subject.c that is marked with it
    sed -n "/MARK: $1/=" "$tests/command/subject.c"
}

command_own_pages() {
    local shell option name="command/the manual has every option"
    for shell in bash zsh fish; do
        says "completions for $shell" 0 "leak-check" completions "$shell"
    done
    "$command_program" completions bash >"$scratch/completions"
    if bash -n "$scratch/completions"; then
        pass "command/bash can read its completions"
    else
        fail "command/bash can read its completions" "it can't"
    fi
    "$command_program" man | sed 's/\\-/-/g' >"$scratch/manual"
    for option in $("$command_program" check --help | grep -oE '^ +(-., )?--[a-z-]+' |
        grep -oE -e '--[a-z-]+'); do
        if ! grep -qF -e "$option" "$scratch/manual"; then
            fail "$name" "$option is missing"
            return
        fi
    done
    pass "$name"
}

command_install() {
    local name="command/install and uninstall" place=$scratch/installed left
    if ! make -s -C "$root" install DESTDIR= PREFIX="$place" >"$scratch/build.log" 2>&1; then
        fail "$name" "make install fails"
        indent <"$scratch/build.log"
        return
    fi
    if ! on glibc "$place/bin/cairn" run true || [[ ! -s $place/share/man/man1/cairn.1 ]]; then
        fail "$name" "$(<"$scratch/complaints")"
        return
    fi
    make -s -C "$root" uninstall DESTDIR= PREFIX="$place" >"$scratch/build.log" 2>&1
    left=$(find "$place" -type f)
    if [[ -z $left ]]; then pass "$name"; else fail "$name" "left: $left"; fi
}
