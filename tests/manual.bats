#!/usr/bin/env bats
# The manual pages: they can be shown, and tell what the programs and their sources tell.

load library

SOURCE=$BATS_TEST_DIRNAME/..

# page NAME: its text as people see it, without bold and underlined, and without indentation.
page() {
    # Newer groffs show bold by escape sequences, unless they are told not to.
    GROFF_NO_SGR=1 MANWIDTH=160 quiet man --nh --nj -E UTF-8 -l -Tutf8 "$FSD_BUILD/man/$1" |
        sed -e $'s/.\b//g' -e 's/^ *//' -e 's/ *$//'
}

# assert_lines FILE: each line on stdin is a line of the file, and there are some.
assert_lines() {
    sort -u >wanted
    [ -s wanted ]
    sort -u "$1" >there
    run comm -23 wanted there
    assert_success
    assert_output ''
}

# options_of COMMAND...: the options that its output tells of, e.g. "-l, --long", one a line.
options_of() {
    local options
    options=$("$@" | sed -n 's/^ *\(-.*[^ ]\)  .*/\1/p')
    [ -n "$options" ] && printf '%s\n' "$options"
}

@test "manual: man has nothing to complain of" {
    local name
    for name in fsc.1 fsd.8 fsd.conf.5 fsd-protocol.7; do
        quiet man --warnings -E UTF-8 -l -Tutf8 -Z "$FSD_BUILD/man/$name" >/dev/null
    done
}

@test "manual: fsc(1) tells of every command and option" {
    local word words
    page fsc.1 >text
    words=$("$FSD_BUILD/fsc" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
    [ -n "$words" ]
    options_of "$FSD_BUILD/fsc" --help >options
    for word in $words; do
        "$FSD_BUILD/fsc" help "$word" | sed -n 's/^Usage: \(fsc [a-z]*\) \[OPTION\]\.\.\./\1/p' >>options
        options_of "$FSD_BUILD/fsc" help "$word" >>options
    done
    assert_lines text <options
}

@test "manual: fsc(1) tells of every exit code" {
    page fsc.1 >text
    "$FSD_BUILD/fsc" help exit-codes | sed 's/^ *//' >codes
    assert_lines text <codes
}

@test "manual: fsc(1) tells of every setting as the table has it" {
    page fsc.1 >text
    "$FSD_BUILD/fsc" help settings | grep '^[a-z]' >headings
    [ "$(grep -c . headings)" -ge 8 ]
    assert_lines text <headings
    run sed -n 's/^\(limits\.[a-z_]*\), .*; .*/\1/p' text
    assert_output "$(sed -n 's/^\(limits\.[a-z_]*\),.*/\1/p' headings)"
}

@test "manual: fsd(8) tells of every option" {
    page fsd.8 >text
    options_of "$FSD_BUILD/fsd" --help >options
    assert_lines text <options
}

# in_one_line FILE: its words with one space between.
in_one_line() {
    tr -s ' \n' '  ' <"$1"
}

@test "manual: fsd.conf(5) tells of every setting as the table has it" {
    local line
    page fsd.conf.5 >text
    quiet "$FSD_BUILD/fsd" --print-settings >settings
    grep '^[a-z]' settings >headings
    [ "$(grep -c . headings)" -ge 20 ]
    while IFS= read -r line; do
        run grep -q -i -F -e "${line#    }" <<<"$(in_one_line text)"
        assert_success
    done <settings
    # It tells of no others.
    run sed -n 's/^\([][a-z._]*\), .*; .*/\1/p' text
    assert_output "$(sed 's/,.*//' headings)"
}

@test "manual: the sample configuration has every setting with its default" {
    local line
    quiet "$FSD_BUILD/fsd" --print-settings >settings
    sed 's/^ *#* *\** *//' "$SOURCE/etc/fsd.conf" >comments
    while IFS= read -r line; do
        run grep -q -i -F -e "$line" <<<"$(in_one_line comments)"
        assert_success
    done < <(sed -n 's/^    //p' settings)
    # As it is it changes nothing, and neither does it when all of it is taken.
    quiet "$FSD_BUILD/fsd" --config "$CONFIG" --library /x --print-config | sed 's/ *# .*//' >defaults
    quiet "$FSD_BUILD/fsd" --config "$SOURCE/etc/fsd.conf" --library /x --print-config | sed 's/ *# .*//' >sample
    run diff defaults sample
    assert_success
    sed -E 's/^( *)#([a-z_]+ = )/\1\2/' "$SOURCE/etc/fsd.conf" >all.conf
    quiet "$FSD_BUILD/fsd" --config all.conf --print-config >print
    run grep -E -v "(all.conf:[0-9]+|\\{|\\};)\$" print
    assert_output ''
    sed -e 's/^library = .*/library = "\/x";/' -e 's/^\(pid_file\|users\) = .*/#\1 = not set/' -e 's/ *# .*//' print >all
    run diff defaults all
    assert_success
}

@test "manual: fsd-protocol(7) tells of every reason and its exit code" {
    local word code
    page fsd-protocol.7 >text
    sed -n '/\[REASON_NOT_FOUND\]/,/\[REASON_UNSUPPORTED\]/s/.*= {"\([a-z-]*\)", \([0-9]*\),.*/\1 \2/p' \
        "$SOURCE/protocol/reason.c" >reasons
    [ "$(grep -c . reasons)" -ge 14 ]
    while read -r word code; do
        run grep -E "^│ ?$word +│.*│ $code +│$" text
        assert_success
    done <reasons
}

@test "manual: fsd-protocol(7) tells of every request and its options" {
    local word option
    page fsd-protocol.7 >text
    grep -o '{"[a-z]*", KIND_' "$SOURCE/daemon/requests/requests.c" | tr -d -c 'a-z\n' >options
    grep -o '\.word = "[A-Z]*"' "$SOURCE/daemon/requests/requests.c" | tr -d -c 'A-Z\n' >words
    [ -s options ] && [ -s words ]
    while read -r option; do
        run grep -E "^│ ?(LIST|GET|PUT).* $option=" text
        assert_success
    done <options
    while read -r word; do
        run grep -E "^│ ?$word( | │)" text
        assert_success
    done <words
}

@test "manual: fsd-protocol(7) shows every transcript and the client" {
    local file
    page fsd-protocol.7 >text
    for file in "$TESTS"/transcripts/*; do
        printf '%s\n' "${file##*/}"
        head -n 1 "$file"
    done >wanted.lines
    assert_lines text <wanted.lines
    # In the order of bytes, under a heading each.
    (cd "$TESTS/transcripts" && LC_ALL=C ls) >names
    run diff names <(sed -n '/^TRANSCRIPTS$/,/^EXAMPLE CLIENT$/p' text | grep -x -F -f names)
    assert_success
    sed -e 's/^ *//' -e '/^$/d' "$TESTS/tcp_client" >lines
    assert_lines text <lines
}

@test "manual: what is included shows as it is" {
    mkdir -p tests/transcripts
    # shellcheck disable=SC2016,SC1003
    printf '%s\n' '. dot' "'quote" '\n \\ \* \' '``` ` ````' '_a_ *b* [[ | x' '    indented' '@include-file x' \
        '; no comment' '- ~ ^ " & ++' '# heading' ä€ >tests/transcripts/a
    # The title line is that of scdoc(5).
    printf 'x(7)\n\n# NAME\n\nx - y\n\n# INCLUDED\n\n@include-transcripts\n' |
        quiet awk -f "$SOURCE/man/include.awk" >x.7.scd
    quiet scdoc <x.7.scd >x.7
    quiet man --warnings -E UTF-8 -l -Tutf8 x.7 | sed -n -e '$d' -e $'s/.\b//g' -e 's/^ \{11\}//p' >shown
    run diff tests/transcripts/a shown
    assert_success
    assert_output ''
}

@test "manual: an include of what is not there fails" {
    local line
    mkdir -p tests/transcripts
    for line in '@include-file nothing' '@include-file' '@include-transcripts' '@other'; do
        run awk -f "$SOURCE/man/include.awk" <<<"$line"
        assert_failure
        assert_output --partial 'include.awk: '
    done
}
