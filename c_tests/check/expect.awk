# Reads what a program's comments expect and writes it as facts.awk writes what was found. -v words
# names the expectations that count, such as "found cairn guarded". A word in capitals stands for
# the line with that word in a comment behind the code. Writes "more" where other errors may come
# with those that are named, and nothing for "none".

function resolve(field,    parts, names, i, line, text) {
    split(field, parts, "=")
    if (parts[1] !~ /^(at|alloc|free)$/) return field
    text = ""
    names_count = split(parts[2], names, "|")
    for (i = 1; i <= names_count; i++) {
        line = names[i]
        if (line ~ /^[A-Z]/) {
            if (!(line in lines)) { print "unknown-marker " line; exit 1 }
            line = lines[line]
        }
        text = text (i > 1 ? "|" : "") line
    }
    return parts[1] "=" text
}

BEGIN {
    split(words " leak", list, " ")
    for (i in list) wanted[list[i] ":"] = 1
}

# Comments before the code.
!in_code && /^\/\/ [a-z]+: / && ($2 in wanted) {
    if ($3 == "none" || $3 ~ /^none\|/) next
    text = $2 == "leak:" ? "leak" : ""
    for (i = 3; i <= NF; i++) expected[count + 1] = expected[count + 1] " " $i
    expected[++count] = text expected[count]
    sub(/^ /, "", expected[count])
    next
}
!in_code && /^\/\/ some$/ { print "more"; next }
!/^\/\// { in_code = 1 }
in_code && match($0, /\/\/ [A-Z]+$/) { lines[substr($0, RSTART + 3)] = FNR }
END {
    for (i = 1; i <= count; i++) {
        field_count = split(expected[i], fields, " ")
        text = ""
        for (j = 1; j <= field_count; j++) text = text (j > 1 ? " " : "") resolve(fields[j])
        print text
    }
}
