# Replaces, in a page of scdoc(5), each line
#
#     @include-file PATH
#
# by the file as a literal block. PATH starts at the working folder. Fails when the file cannot be read.

function fail(text) {
    failed = 1
    print "include.awk: " text | "cat >&2"
    exit 1
}

# A backslash is the one escape that scdoc knows in a literal block, and ``` its end.
function literal(path, line, count, got) {
    print "```"
    while ((got = (getline line <path)) > 0) {
        gsub(/[\\`]/, "\\\\&", line)
        print line
        count++
    }
    if (got < 0 || count == 0)
        fail(path " cannot be read, or is empty")
    close(path)
    print "```"
}

$1 == "@include-file" && NF == 2 {
    literal($2)
    next
}

/^@/ {
    fail("line " FNR " is not an include: " $0)
}

{
    print
}

END {
    exit failed
}
