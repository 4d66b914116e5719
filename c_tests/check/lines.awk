# Names lines in the text that the library writes without the command: "(in the program+0x116a)"
# becomes "(test.c:3)", and so does its plugin's, which is FILE.so. Needs addr2line of binutils;
# -v program=FILE.

function lines_of(file, list,    command, offset, found) {
    if (list == "") return
    command = "addr2line -s -e '" file "' " list
    while ((command | getline found) > 0) {
        offset = substr(list, 2, index(substr(list, 2) " ", " ") - 1)
        list = substr(list, length(offset) + 2)
        sub(/ .*/, "", found)
        named[file, offset] = found
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
    if (match($0, /(the program|\.so)\+0x[0-9a-f]+\)/)) {
        offset[NR] = substr($0, RSTART, RLENGTH - 1)
        sub(/.*\+/, "", offset[NR])
        if (!is_fault) offset[NR] = before(offset[NR])
        file[NR] = ""
        if (index($0, "in the program+")) file[NR] = program
        else if (index($0, "in " program ".so+")) file[NR] = program ".so"
        list[file[NR]] = list[file[NR]] " " offset[NR]
    }
    if (/ (at|by) 0x/) is_fault = 0
}
END {
    lines_of(program, list[program])
    lines_of(program ".so", list[program ".so"])
    for (i = 1; i <= NR; i++) {
        if ((file[i], offset[i]) in named)
            sub(/\?\?\? \(in .*/, "? (" named[file[i], offset[i]] ")", text[i])
        print text[i]
    }
}
