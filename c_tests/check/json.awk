# Turns the lines of `cairn check --format=json`, one object each, into what facts.awk makes of the
# text.

# Takes one JSON value off the front of rest and stores what is in it under its path, such as
# value["block.size"] and value["stacks.0.frames.2.line"].
function parse(path) {
    sub(/^[ \t]+/, "", rest)
    if (rest ~ /^\{/) parse_members(path, "}")
    else if (rest ~ /^\[/) parse_members(path, "]")
    else if (rest ~ /^"/) value[path] = take_text()
    else if (match(rest, /^[-+.0-9a-zE]+/)) {
        value[path] = substr(rest, 1, RLENGTH)
        rest = substr(rest, RLENGTH + 1)
    } else broken = 1
}

function parse_members(path, closing,    index_, name) {
    rest = substr(rest, 2)
    index_ = 0
    while (!broken && substr(rest, 1, 1) != closing) {
        sub(/^,/, "", rest)
        name = index_++
        if (closing == "}") {
            name = take_text()
            if (!sub(/^:/, "", rest)) broken = 1
        }
        parse(path (path == "" ? "" : ".") name)
    }
    rest = substr(rest, 2)
}

function take_text(    text) {
    if (!match(rest, /^"([^"\\]|\\.)*"/)) {
        broken = 1
        return ""
    }
    text = substr(rest, 2, RLENGTH - 2)
    rest = substr(rest, RLENGTH + 1)
    return text
}

function have(path) {
    return path in value ? value[path] : "-"
}

# The line of the first frame in the source's file, of the stack with this role.
function line_in(role,    stack, frame, path) {
    for (stack = 0; ("stacks." stack ".role") in value; stack++) {
        if (value["stacks." stack ".role"] != role) continue
        for (frame = 0; (path = "stacks." stack ".frames." frame) ".address" in value; frame++)
            if (have(path ".file") ~ ("(^|/)" source_pattern "$") && (path ".line") in value)
                return value[path ".line"]
    }
    return "-"
}

function add_leak(key) {
    if (!(key in records)) keys[++key_count] = key
    records[key]++
    all_bytes[key] += value["bytes"]
    all_blocks[key] += value["blocks"]
    all_indirect[key] += value["indirect_bytes"]
}

BEGIN {
    source_pattern = source
    gsub(/[.]/, "[.]", source_pattern)
}

{
    delete value
    rest = $0
    parse("")
    if (broken || rest != "") {
        printf "broken-json line=%d\n", FNR
        exit
    }
    kind = value["kind"]
}
kind == "start" || kind == "note" || kind == "suppression" { next }
kind == "summary" { printf "summary %d %d\n", value["errors"], value["contexts"]; next }
kind == "leak" { add_leak(value["leak"] " " line_in("alloc")); next }
{
    where = ("block.side") in value ? value["block.side"] ":" value["block.offset"] : "-"
    printf "%s size=%s block=%s where=%s at=%s alloc=%s free=%s foreign=%s changed=%d\n", kind,
        have("access.size"), have("block.size"), where, line_in("at"), line_in("alloc"),
        line_in("free"), have("leads_to"), length(have("changed.bytes")) / 2
}
END {
    for (i = 1; i <= key_count; i++) {
        split(keys[i], words, " ")
        printf "leak %s bytes=%d blocks=%d indirect=%d records=%d alloc=%s\n", words[1],
            all_bytes[keys[i]], all_blocks[keys[i]], all_indirect[keys[i]], records[keys[i]],
            words[2]
    }
}
