# compare.awk EXPECTED FACTS: whether each line that is expected fits one of what was found, each of
# those used once, and, with -v exact=1, whether nothing else was found, but for reachable blocks and,
# with -v leaks=any, lost ones. Prints what is wrong.

function fits(expectation, fact,    wants, fields, i, want_count, field_count, parts, name, value, has) {
    field_count = split(fact, fields, " ")
    for (i = 1; i <= field_count; i++)
        if (split(fields[i], parts, "=") == 2) has[parts[1]] = parts[2]
        else has["kind"] = has["kind"] " " fields[i]
    want_count = split(expectation, wants, " ")
    for (i = 1; i <= want_count; i++) {
        if (split(wants[i], parts, "=") == 2) { name = parts[1]; value = has[name] }
        else { name = ""; parts[2] = wants[i]; value = "" }
        if (name != "" ? !is_one_of(value, parts[2]) : !names_kind(has["kind"], parts[2])) return 0
    }
    return 1
}

function is_one_of(value, alternatives) {
    return index("|" alternatives "|", "|" value "|") > 0
}

function names_kind(kind, alternatives,    words, i, count) {
    count = split(kind, words, " ")
    for (i = 1; i <= count; i++) if (is_one_of(words[i], alternatives)) return 1
    return 0
}

FILENAME == ARGV[1] && $1 == "more" { exact = 0; next }
FILENAME == ARGV[1] { expected[++expected_count] = $0; next }
$1 == "summary" { next }
{ facts[++fact_count] = $0 }
END {
    for (i = 1; i <= expected_count; i++) {
        found = 0
        for (j = 1; j <= fact_count && !found; j++)
            if (!(j in used) && fits(expected[i], facts[j])) { used[j] = 1; found = 1 }
        if (!found) { print "not found: " expected[i]; bad = 1 }
    }
    for (j = 1; j <= fact_count; j++) {
        if (j in used || facts[j] ~ /^leak reachable/) continue
        if (leaks == "any" && facts[j] ~ /^leak/) continue
        # A fault ends the program; that isn't a second thing to find.
        if (facts[j] ~ /^fatal-signal/ && expected_count > 0) continue
        if (exact) { print "found too: " facts[j]; bad = 1 }
        else if (bad) print "(found:    " facts[j] ")"
    }
    exit bad
}
