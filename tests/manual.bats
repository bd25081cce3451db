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

# The rows of the table of settings: name, kind, default and bounds, as they are written there.
settings() {
    sed -n '/^static const struct row rows\[\]/,/^};/p' "$SOURCE/daemon/settings.c" |
        tr '\n' ' ' | tr -s ' ' | sed -e 's/{\.name = /\n&/g' -e 's/LIMIT(/\n&/g' |
        sed -n -E \
            -e 's/^LIMIT\("([a-z]+)", [a-z_]+, ("[^"]*"), ([^)]*)\).*/limits.\1;DURATION;\2;1;\3/p' \
            -e 's/^\{\.name = "([a-z.]+)", \.kind = KIND_([A-Z]+), \.offset = AT\([a-z_]+\)(, \.default_text = ("[^"]*"|[A-Z_]+))?(, \.least = ([0-9]+), \.most = ([0-9]+))?.*/\1;\2;\4;\6;\7/p'
}

# duration EXPRESSION: a bound of the table as it is written in a configuration file.
duration() {
    sed -e 's/^[A-Z]/1&/' -e 's/ \* //' -e 's/DAY/d/' -e 's/HOUR/h/' -e 's/SECOND/s/' \
        -e 's/[0-9]$/&ms/' <<<"$1"
}

# setting NAME KIND DEFAULT LEAST MOST: its heading in fsd(8).
setting() {
    local what default="default $3"
    case $2 in
    PATH) what='a path' ;;
    ADDRESSES) what='an address or a list of up to 16' ;;
    RIGHTS) what='rights' ;;
    BOOL) what='true or false' ;;
    COUNT) what="a number from $4 to $5" ;;
    DURATION) what="a duration from $(duration "$4") to $(duration "$5")" ;;
    *) return 1 ;;
    esac
    case $2 in
    BOOL | COUNT | DURATION) default=${default//\"/} ;;
    esac
    case $3 in
    '') default='no default' ;;
    ADDRESS_DEFAULT)
        default="default $(sed -n 's/^#define ADDRESS_DEFAULT //p' "$SOURCE/protocol/address.h")"
        ;;
    esac
    printf '%s, %s; %s\n' "$1" "$what" "$default"
}

@test "manual: man has nothing to complain of" {
    local name
    for name in fsc.1 fsd.8 fsd-protocol.7; do
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

@test "manual: fsd(8) tells of every option" {
    page fsd.8 >text
    options_of "$FSD_BUILD/fsd" --help >options
    assert_lines text <options
}

@test "manual: fsd(8) tells of every setting with default and bounds" {
    local row fields
    page fsd.8 >text
    settings >rows
    run grep -c . rows
    assert_output "$(grep -c -E '\.name = |LIMIT\(' <(sed -n '/^static const struct row rows\[\]/,/^};/p' "$SOURCE/daemon/settings.c"))"
    while IFS= read -r row; do
        IFS=';' read -r -a fields <<<"$row"
        setting "${fields[@]}" >>headings
    done <rows
    assert_lines text <headings
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
