# Turns the text of `cairn check`, or of valgrind, into one line for each thing that was found:
#
#     KIND size=4 block=400 where=after:0 at=3 alloc=2 free=- foreign=- changed=-
#     leak KIND bytes=400 blocks=1 indirect=0 records=1 alloc=2
#     summary ERRORS CONTEXTS
#
# Lines of stacks are those of the first frame in the file that -v source=NAME names, "-" without
# one. Several processes may write into one text; their lines come in whole pieces.

function begin(what) {
    close_fact()
    kind = what
    size = block = where = foreign = changed = at = alloc = freed = frame_function = "-"
    stack = "at"
}

function begin_leak(what, words,    parts) {
    begin("leak " what)
    stack = "alloc"
    bytes = words
    gsub(/,/, "", bytes)
    blocks = match(bytes, /in [0-9]+ block/) ? substr(bytes, RSTART + 3, RLENGTH - 3) + 0 : 0
    indirect = match(bytes, /[0-9]+ indirect/) ? substr(bytes, RSTART, RLENGTH) + 0 : 0
    bytes = match(bytes, /[0-9]+ direct/) ? substr(bytes, RSTART, RLENGTH) + 0 : bytes + 0
}

function close_fact() {
    if (kind ~ /^leak/) {
        add_leak(kind " " alloc)
    } else if (kind == "free") {
        print_error(kind_of_free())
    } else if (kind != "") {
        print_error(kind)
    }
    kind = ""
}

# Stacks that differ in outer frames only are separate records; here they count together.
function add_leak(key) {
    if (!(key in records)) keys[++key_count] = key
    records[key]++
    all_bytes[key] += bytes
    all_blocks[key] += blocks
    all_indirect[key] += indirect
}

function print_leaks(    i, key, words) {
    for (i = 1; i <= key_count; i++) {
        key = keys[i]
        split(key, words, " ")
        printf "leak %s bytes=%d blocks=%d indirect=%d records=%d alloc=%s\n", words[2],
            all_bytes[key], all_blocks[key], all_indirect[key], records[key], words[3]
    }
}

# The words of a wrong call of free, delete and realloc are the same.
function kind_of_free() {
    if (frame_function ~ /realloc/) return "invalid-realloc"
    if (freed != "-" && where == "inside:0") return "double-free"
    return "invalid-free"
}

function print_error(name) {
    printf "%s size=%s block=%s where=%s at=%s alloc=%s free=%s foreign=%s changed=%s\n", name,
        size, block, where, at, alloc, freed, foreign, changed
}

# "8 bytes written past the end"
function read_changed() {
    if (match($0, /[0-9,]+ bytes? written/)) changed = substr($0, RSTART, RLENGTH) + 0
}

# "Address 0x.. is 40 bytes inside a block of size 400 free'd"
function read_address(text,    words) {
    gsub(/,/, "", text)
    if (match(text, /[0-9]+ bytes? (inside|after|before) a .*block of size [0-9]+/)) {
        split(substr(text, RSTART, RLENGTH), words, " ")
        where = words[3] ":" words[1]
        block = substr(text, RSTART, RLENGTH)
        sub(/.* /, "", block)
        stack = text ~ /free'd$/ ? "free" : "alloc"
        return
    }
    if (match(text, /read from a block of size [0-9]+/)) {
        block = substr(text, RSTART + 26, RLENGTH - 26)
        stack = text ~ /free'd$/ ? "free" : "alloc"
        return
    }
    if (text ~ /stack/ && text !~ /stack'd/) foreign = "stack"
    else if (text ~ /data symbol|mapped file|segment|in the data of|variable/) foreign = "data"
    else foreign = "unknown"
    stack = ""
}

function read_frame(text,    line) {
    if (frame_function == "-" && match(text, /^ *at (0x[0-9A-Fa-f]+: )?[^ (]+/)) {
        frame_function = substr(text, RSTART, RLENGTH)
        sub(/.*[ ]/, "", frame_function)
    }
    if (!match(text, "[(/]" source_pattern ":[0-9]+\\)$")) return
    line = substr(text, RSTART, RLENGTH)
    sub(/.*:/, "", line)
    line = line + 0
    if (stack == "at" && at == "-") at = line
    else if (stack == "alloc" && alloc == "-") alloc = line
    else if (stack == "free" && freed == "-") freed = line
}

BEGIN {
    source_pattern = source
    gsub(/[.]/, "[.]", source_pattern)
}

# Only the reports' lines: what the program prints goes elsewhere or has no such beginning.
!/^==[0-9]+==/ { next }
{ sub(/^==[0-9]+== ?/, "") }

/^Invalid (read|write|access)( of size [0-9]+)?/ {
    begin("invalid-" $2)
    if (match($0, /of size [0-9]+/)) size = substr($0, RSTART + 8, RLENGTH - 8)
    next
}
/^Invalid free\(\) \/ delete/ { begin("free"); next }
# What the library says without the command.
/^Bytes (behind|before) a block were overwritten/ {
    begin($2 == "before" ? "underrun" : "overrun")
    next
}
/^A system call.s buffer is not all/ { begin("system-call"); next }
/^A freed block was written to/ { begin("write-after-free"); next }
/^Mismatched free\(\) \/ delete: wrong size/ { begin("wrong-size"); next }
/^Use of a pointer from fresh or freed memory/ { begin("poison-pointer"); next }
/^Process terminating by a signal/ { begin("fatal-signal"); next }
/^Heap block (overrun|underrun): / { begin(substr($3, 1, length($3) - 1)); read_changed(); next }
/^Write after free: / { begin("write-after-free"); read_changed(); next }
/^Invalid malloc_usable_size/ { begin("invalid-usable-size"); next }
/^Mismatched size value given/ { begin("wrong-size"); next }
/^Use of a pointer that was loaded from/ { begin("poison-pointer"); next }
/^Jump to the invalid address/ { begin("fatal-signal"); next }
/^Mismatched free\(\) \/ delete/ { begin("mismatched-free"); next }
/^Syscall param .* points to unaddressable byte/ { begin("system-call"); next }
/^(Syscall param .*|Conditional jump .*|Use of) uninitialised/ { begin("uninitialised"); next }
/^Conditional jump or move depends on uninit/ { begin("uninitialised"); next }
/^Process terminating with default action of signal (11|7) / { begin("fatal-signal"); next }
/^HEAP SUMMARY/ || /^LEAK SUMMARY/ { close_fact(); next }
/^[0-9,]+ (\([^)]*\) )?bytes in [0-9,]+ blocks? (are|is) (definitely|indirectly|possibly) lost/ {
    match($0, /definite|indirect|possibl/)
    found = substr($0, RSTART, RLENGTH)
    # "indirect" stands in the brackets of a definite one too.
    if ($0 ~ / definitely lost/) found = "definite"
    if ($0 ~ / indirectly lost/) found = "indirect"
    if ($0 ~ / possibly lost/) found = "possible"
    begin_leak(found, $0)
    next
}
/^[0-9,]+ (\([^)]*\) )?bytes in [0-9,]+ blocks? (are|is) still reachable/ {
    begin_leak("reachable", $0)
    next
}
/^ERROR SUMMARY: / {
    close_fact()
    gsub(/,/, "")
    printf "summary %d %d\n", $3, $6
    next
}
/^ *Address 0x[0-9A-Fa-f]+ / && kind != "" { read_address($0); next }
/^ *Block was alloc'd at/ { stack = "alloc"; next }
/^ *(at|by) / && kind != "" { read_frame($0); next }
/^ *$/ { close_fact() }
END {
    close_fact()
    print_leaks()
}
