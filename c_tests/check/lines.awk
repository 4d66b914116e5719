# Names lines in the text that the library writes without the command: "(in the program+0x116a)"
# becomes "(test.c:3)". Needs addr2line of binutils; -v program=FILE.

function lines_of(list,    command, offset, found) {
    command = "addr2line -s -e '" program "' " list
    while ((command | getline found) > 0) {
        offset = substr(list, 2, index(substr(list, 2) " ", " ") - 1)
        list = substr(list, length(offset) + 2)
        sub(/ .*/, "", found)
        named[offset] = found
    }
    close(command)
}

# The address before a return address belongs to the call.
function before(offset,    digits, last, rest) {
    digits = "0123456789abcdef"
    last = index(digits, substr(offset, length(offset)))
    rest = substr(offset, 1, length(offset) - 1)
    return last > 1 ? rest substr(digits, last - 1, 1) : before(rest) "f"
}

{
    text[NR] = $0
    if (/ Invalid (read|write|access)| pointer from fresh| terminating by a signal/) is_fault = 1
    if (match($0, /the program\+0x[0-9a-f]+/)) {
        offset[NR] = substr($0, RSTART + 12, RLENGTH - 12)
        if (!is_fault) offset[NR] = before(offset[NR])
        list = list " " offset[NR]
    }
    if (/ (at|by) 0x/) is_fault = 0
}
END {
    lines_of(list)
    for (i = 1; i <= NR; i++) {
        if (i in offset) sub(/\?\?\? \(in the program.*/, "? (" named[offset[i]] ")", text[i])
        print text[i]
    }
}
