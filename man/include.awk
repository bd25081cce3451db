# Expands, in a page of scdoc(5), two kinds of lines into literal blocks:
#
#     @include-file PATH       a file
#     @include-transcripts     all of tests/transcripts, sorted by bytes, under a heading each
#
# Paths are told from the working folder. Fails when one of the files cannot be read.

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

function transcripts(folder, list, name, count) {
    list = "LC_ALL=C ls " folder
    while ((list | getline name) > 0) {
        if (count++)
            print ""
        print "## " name "\n"
        literal(folder "/" name)
    }
    close(list)
    if (count == 0)
        fail(folder " holds no transcripts")
}

$1 == "@include-file" && NF == 2 {
    literal($2)
    next
}

$0 == "@include-transcripts" {
    transcripts("tests/transcripts")
    next
}

/^@/ {
    fail("line " FNR " is no include: " $0)
}

{
    print
}

END {
    exit failed
}
