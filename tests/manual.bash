# The manual pages as people see them, for tests.
# shellcheck shell=bash disable=SC2034

SOURCE=$BATS_TEST_DIRNAME/..

# page NAME [WIDTH]: its text as people see it, without bold and underlined. When nothing is said each
# paragraph is one line.
page() {
    # Newer groffs show bold by escape sequences, unless they are told not to. With -T man would
    # ignore the width.
    GROFF_NO_SGR=1 MANWIDTH=${2:-5000} quiet man --nh --nj -E UTF-8 -l "$FSD_BUILD/man/$1" |
        sed -e $'s/.\b//g' -e 's/ *$//'
}

# section HEADING: of the page on stdin what is below it, with the headings of a lower level.
section() {
    awk -v wanted="$1" '
        # Headings are indented by 0 or 3 spaces, all else by more.
        { text = $0; depth = match(text, /[^ ]/) }
        depth == 1 || depth == 4 {
            text = substr(text, depth)
            if (text == wanted) { found = depth; next }
            if (found && depth <= found) exit
        }
        found { print }
        END { exit !found }'
}
